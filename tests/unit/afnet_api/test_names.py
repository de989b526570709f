"""The names of the classic modules ``af`` and ``afcmd``: everything that their scripts call is there, and callable."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from afnet import api as af
from afnet.api import afcmd

TASK = "setName setCommand setFiles setEnv"

BLOCK = """
    setName setTasksName setService setParser setNumeric setFramesPerTask setSequential setCapacity setVariableCapacity
    setWorkingDirectory setCommand setCmdPre setCmdPost setFiles setEnv addTicket setParserCoeff setErrorsAvoidHost
    setErrorsForgiveTime setErrorsRetries setErrorsTaskSameHost setNeedHDD setNeedMemory setNeedPower setNeedCPUCores
    setNeedGPUMemGB setNeedCPUFreqGHz setNeedCPUFreqCores setDependSubTask setTasksMaxRunTime setTaskMaxRunTime
    setTaskMinRunTime setTaskProgressChangeTimeout setMaxRunningTasks setMaxRunTasksPerHost setHostsMask
    setHostsMaskExclude setDependMask setTasksDependMask setNeedProperties skipThumbnails skipExistingFiles
    checkRenderedFiles setMultiHost setSlaveLostIgnore setTasksSuspended fillTasks
"""

JOB = """
    setName setUserName setPriority setCmdPre setCmdPost setPostDeleteFiles setFolder setBranch setPools tryTask
    setAnnotation setDescription setProject setDepartment setWaitTime setMaxRunningTasks setMaxRunTasksPerHost
    setHostsMask setHostsMaskExclude setDependMask setDependMaskGlobal setNeedOS setNeedProperties setNativeOS setAnyOS
    setPPApproval setMaintenance setIgnoreNimby setIgnorePaused pause setPaused setOffline offline offLine setTimeLife
    fillBlocks checkJob output send
"""

CMD = """
    getJobList getJobInfo getJobProgress deleteJob deleteJobById stopJobById jobOperationById setJobState setBlockState
    setJobPriorityById appendBlocks appendTasks renderGetList renderGetLocal renderGetId renderGetResources
    renderSetUserName renderSetNimby renderSetNIMBY renderSetFree renderSetFreeUnpause renderEjectTasks
    renderEjectNotMyTasks renderEjectAndNIMBY renderExit monitorRegister monitorSubscribe monitorChangeUid monitorEvents
    monitorUnregister monitorExit
"""

AFCMD = "Block Job Monitor Pool Render getJob getJobList getPoolList getRenderList getRenderResources"


@pytest.mark.parametrize(
    ("owner", "names"),
    [(af.Task, TASK), (af.Block, BLOCK), (af.Job, JOB), (af.Cmd, CMD)],
    ids=lambda each: str(each)[:30],
)
def test_the_classes_of_the_classic_module_have_all_their_functions(owner: type, names: str) -> None:
    assert [name for name in names.split() if not inspect.isfunction(getattr(owner, name, None))] == []


def test_the_functions_of_both_modules() -> None:
    assert af.checkRegExp("render.*") is True and af.checkRegExp("") is False is af.checkRegExp("(")
    assert callable(af.checkClass)
    assert [name for name in AFCMD.split() if not callable(getattr(afcmd, name, None))] == []


def test_scripts_import_both_by_their_old_names() -> None:
    folder = Path(af.__file__).parents[1] / "python"
    said = "import af, afcmd; print(af.Cmd.__name__, afcmd.Render.__name__, af.Job is not afcmd.Job)"
    words = [sys.executable, "-c", f"import sys; sys.path.insert(0, sys.argv[1]); {said}", str(folder)]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.split() == ["Cmd", "Render", "True"]

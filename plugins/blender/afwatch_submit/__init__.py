"""Blender add-on: submit the scene to the farm from the render properties."""

import os

import bpy

from . import afjobs

bl_info = {
    "name": "Afwatch: submit to the farm",
    "author": "Afwatch",
    "version": (1, 0, 0),
    "blender": (2, 93, 0),
    "location": "Properties > Render > Afwatch",
    "description": "Render the scene on a farm of Afwatch",
    "category": "Render",
}

_EVERYWHERE = ("/", "Any render", "Whatever render takes it")
_pools = [_EVERYWHERE]


def _pool_items(self, context):
    # Blender keeps no copy of these texts: they stay referenced here.
    return _pools


class AfwatchSettings(bpy.types.PropertyGroup):
    """What is kept with the scene."""

    server: bpy.props.StringProperty(
        name="Server", description="HOST:PORT of the farm's server; empty for AF_SERVER or this machine", default=""
    )
    job_name: bpy.props.StringProperty(name="Job name", description="Empty: the name of the file", default="")
    pool: bpy.props.EnumProperty(name="Pool", description="Renders that shall render it", items=_pool_items)
    frames_per_task: bpy.props.IntProperty(name="Frames per task", default=1, min=1, soft_max=100)
    sequential: bpy.props.IntProperty(
        name="Order", description="1 straight, -1 backwards, 10 every tenth frame first", default=1
    )
    priority: bpy.props.IntProperty(name="Priority", default=99, min=0, max=250)
    max_running_tasks: bpy.props.IntProperty(name="Most tasks at once", description="-1: all", default=-1, min=-1)
    hosts_mask: bpy.props.StringProperty(name="Hosts", description="Regular expression of the hosts' names")
    depend_mask: bpy.props.StringProperty(name="Wait for jobs", description="Regular expression of your jobs' names")
    paused: bpy.props.BoolProperty(name="Begin paused", default=False)


def _output_pattern(scene):
    """Return the pattern of the files that the scene writes."""
    frame = 4321
    return afjobs.frame_pattern(bpy.path.abspath(scene.render.frame_path(frame=frame)), frame)


def make_job(scene):
    """Return the job of a scene of the saved file."""
    settings = scene.afwatch
    file = bpy.data.filepath
    several = scene.name if len(bpy.data.scenes) > 1 else ""
    block = afjobs.blender_block(
        file,
        scene.frame_start,
        scene.frame_end,
        step=scene.frame_step,
        per_task=settings.frames_per_task,
        engine=scene.render.engine,
        files=[_output_pattern(scene)],
        scene=several,
    )
    return afjobs.make_job(
        settings.job_name or os.path.splitext(os.path.basename(file))[0],
        [block],
        pool=settings.pool,
        sequential=settings.sequential,
        priority=settings.priority,
        max_running_tasks=settings.max_running_tasks,
        hosts_mask=settings.hosts_mask,
        depend_mask=settings.depend_mask,
        paused=settings.paused,
    )


class AFWATCH_OT_pools(bpy.types.Operator):
    """Ask the server for its pools."""

    bl_idname = "afwatch.pools"
    bl_label = "Read the pools of the farm"

    def execute(self, context):
        try:
            found = afjobs.read_pools(context.scene.afwatch.server)
        except afjobs.SubmitError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        below = [(path, path, "%d renders" % count) for path, count in found if path != "/"]
        _pools[:] = [_EVERYWHERE] + below
        self.report({"INFO"}, "The farm has %d pools." % len(found))
        return {"FINISHED"}


class AFWATCH_OT_submit(bpy.types.Operator):
    """Save the file and send it to the farm."""

    bl_idname = "afwatch.submit"
    bl_label = "Submit to the farm"

    job: bpy.props.IntProperty(options={"HIDDEN"})

    @classmethod
    def poll(cls, context):
        return context.scene is not None

    def execute(self, context):
        if not bpy.data.filepath:
            self.report({"ERROR"}, "Save the file first: the farm renders what is on the disk.")
            return {"CANCELLED"}
        if bpy.data.is_dirty:
            bpy.ops.wm.save_mainfile()
        try:
            self.job = afjobs.send_job(make_job(context.scene), context.scene.afwatch.server)
        except afjobs.SubmitError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, "Job %d is submitted." % self.job)
        return {"FINISHED"}


class AFWATCH_PT_panel(bpy.types.Panel):
    """The panel in the render properties."""

    bl_label = "Afwatch"
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "render"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        settings = context.scene.afwatch
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        for name in ("server", "job_name"):
            layout.prop(settings, name)
        row = layout.row(align=True)
        row.prop(settings, "pool")
        row.operator("afwatch.pools", text="", icon="FILE_REFRESH")
        for name in ("frames_per_task", "sequential", "priority", "max_running_tasks", "hosts_mask", "depend_mask"):
            layout.prop(settings, name)
        layout.prop(settings, "paused")
        layout.operator("afwatch.submit", icon="RENDER_ANIMATION")


_CLASSES = (AfwatchSettings, AFWATCH_OT_pools, AFWATCH_OT_submit, AFWATCH_PT_panel)


def register():
    """Add the panel and its settings."""
    for each in _CLASSES:
        bpy.utils.register_class(each)
    bpy.types.Scene.afwatch = bpy.props.PointerProperty(type=AfwatchSettings)


def unregister():
    """Take them away."""
    del bpy.types.Scene.afwatch
    for each in reversed(_CLASSES):
        bpy.utils.unregister_class(each)

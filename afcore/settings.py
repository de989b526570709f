"""Every setting once: its name, kind, default, unit and meaning.

Names, kinds and defaults that begin with ``af_`` and those of shells, commands and paths are the classic ones, so the
configuration files of a studio keep their meaning. ``CLASSIC`` names the classic keys that mean nothing here: they may
stay in a file.
"""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["CLASSIC", "SETTINGS", "Setting"]

_MIB = 1 << 20
_GIB = 1 << 30


class Setting(NamedTuple):
    """One setting. ``kind`` is int, float, text, bool, texts (a list) or pairs (a list of two texts each).

    ``unit`` is a word for people, ``least`` the smallest number taken, ``env`` variables beside the usual ones,
    ``windows`` the default there when it is another.
    """

    name: str
    kind: str
    default: Any
    about: str
    unit: str = ""
    least: float | None = None
    most: float | None = None
    env: tuple[str, ...] = ()
    windows: Any = None


_ALL = (
    # Where the farm is.
    Setting("servers", "texts", (), "servers of the farm, HOST:PORT each, tried in turn", env=("AF_SERVER",)),
    Setting("af_servername", "text", "127.0.0.1", "host of the server, when no servers are listed"),
    Setting("af_serverport", "int", 51000, "port of the server, when no servers are listed", "port", 1, 65535),
    Setting("connect_timeout", "float", 5.0, "how long one server is tried before the next", "s", 0.1),
    Setting("answer_timeout", "float", 60.0, "how long an answer is waited for", "s", 0.1),
    # The server.
    Setting("listen", "texts", (), "addresses the server listens at, HOST:PORT each; none is loopback"),
    Setting("data_dir", "text", "", "folder of the server's data; empty is the platform's usual place"),
    Setting("database", "text", "", "URL of the farm's database; empty is SQLite in the data folder"),
    Setting(
        "statistics_database",
        "text",
        "",
        "URL or file of the statistics; empty is af_db_conninfo, or a file in data_dir",
    ),
    Setting("af_db_conninfo", "text", "", "the same in the classic words: host=… dbname=… user=… password=…"),
    Setting("statistics_zone", "text", "UTC", "time zone in which the days of the statistics begin"),
    Setting("farm_file", "text", "", "what the farm's hosts are; empty is farm.xml beside the configuration"),
    Setting("af_ipv6_disable", "bool", False, "listen at IPv4 addresses only"),
    Setting("journal_keep_days", "float", 14.0, "how long journal and old snapshots are kept", "days", 0.0),
    Setting("journal_keep_bytes", "int", 2 * _GIB, "how large journal and old snapshots may grow", "bytes", 0),
    Setting(
        "history_keep_days", "float", 365.0,
        "how long finished runs and deleted jobs stay in the farm's own lists; 0 is for ever", "days", 0.0,
    ),
    Setting("snapshot_events", "int", 50_000, "events in the journal after which a snapshot is written", "", 1),
    Setting("snapshot_bytes", "int", 64 * _MIB, "size of the journal after which a snapshot is written", "bytes", 1),
    Setting("files_budget", "int", 20 * _GIB, "space for logs and other files of runs on the server", "bytes", 0),
    Setting("resources_keep_days", "float", 30.0, "how long minutes of what renders measured are kept", "days", 0.0),
    Setting("resources_keep_bytes", "int", 4 * _GIB, "how large these minutes may grow", "bytes", 0),
    Setting("log_bytes_max", "int", 8 * _MIB, "how much output of one run is kept; the middle is cut", "bytes", 4096),
    Setting("message_bytes_max", "int", 64 * _MIB, "largest message or request taken from outside", "bytes", 4096),
    Setting("peer_connections_max", "int", 4096, "connections from one address at a time", "", 1),
    Setting("peer_requests_per_second", "int", 1000, "requests from one address a second, over ten seconds", "", 1),
    Setting("user_jobs_max", "int", 100_000, "jobs of one user on the farm; 0 is no limit", "", 0),
    Setting("user_tasks_max", "int", 100_000_000, "tasks of one user's jobs; 0 is no limit", "", 0),
    Setting("first_byte_timeout", "float", 10.0, "how long a new connection may be silent", "s", 0.1),
    Setting("sign_in_days", "float", 30.0, "how long a sign-in lasts", "days", 0.001, 3650),
    Setting(
        "classic_networks", "texts", (),
        "networks whose classic clients are believed the name they claim: NETWORK [ROLE], 10.1.0.0/16 user",
    ),
    Setting("server_names", "texts", (), "further names by which browsers may call this server"),
    Setting(
        "foreign_addresses", "texts", (),
        "addresses of this machine whose callers count as from another one: a tunnel or proxy ends there",
    ),
    Setting(
        "nearby", "bool", True,
        "announce a server that other machines reach on their networks, and look for one there when none is named",
    ),
    Setting("nearby_networks", "texts", (), "addresses of this machine on whose networks; empty is all but loopback"),
    Setting("af_http_serve_dir", "text", "", "folder with the classic browser interface; empty is none"),
    Setting("classic_front_page", "bool", False, "the classic browser interface is the page at /"),
    # Jobs, when they say nothing else.
    Setting("af_priority", "int", 99, "priority of a job", "", 0, 255),
    Setting("af_max_running_tasks", "int", -1, "running tasks of a new user; -1 is no limit", "", -1),
    Setting("af_max_run_tasks_per_host", "int", -1, "running tasks of a new user on one render; -1 none", "", -1),
    Setting("af_task_default_capacity", "int", 1000, "capacity that a task takes of its render", "", 1),
    Setting("af_task_default_service", "text", "generic", "service of a block"),
    Setting("services", "texts", (), "services of the studio's own that blocks may name beside the known ones"),
    Setting("af_task_error_retries", "int", 3, "how often a failed task is started again", "", 0, 127),
    Setting("af_errors_avoid_host", "int", 3, "failures after which a block avoids a render; 0 never", "", 0, 127),
    Setting("af_task_errors_same_host", "int", 3, "failures after which a task avoids a render; 0 never", "", 0, 127),
    Setting("af_errors_forgivetime", "int", 5 * 3600, "time after which a render's failures are forgiven", "s", 0),
    Setting("af_jobs_life_time", "int", 0, "age at which jobs are deleted; 0 never", "s", -1),
    Setting("af_task_progress_change_timeout", "int", -1, "time without progress that fails a task; -1 none", "s", -1),
    Setting("af_task_reconnect_timeout", "int", 30, "how long running tasks are waited for after a restart", "s", 0),
    Setting("af_cmdprefix", "text", "", "text put before the command of every block", env=("AF_CMD_PREFIX",)),
    # The system job.
    Setting("af_sysjob_tasklife", "int", 1800, "age at which a system task that fails is given up", "s", 1),
    Setting("af_sysjob_tasksmax", "int", 1000, "tasks of one system block; more commands wait", "", 1, 65535),
    Setting("af_sysjob_postcmd_service", "text", "postcmd", "service of commands after and before jobs"),
    Setting("af_sysjob_wol_service", "text", "wakeonlan", "service that wakes renders"),
    Setting("af_sysjob_events_service", "text", "events", "service that tells of events"),
    Setting("af_wolwake_interval", "int", 10, "time between two renders woken because work waits", "s", 1),
    # Renders.
    Setting("capacity_per_core", "int", 1000, "capacity of a render for each of its cores", "", 1),
    Setting("heartbeat_sec", "float", 5.0, "how often a render says that it lives", "s", 0.05),
    Setting("resources_update_period", "float", 5.0, "how often a render measures itself", "s", 0.1),
    Setting("zombie_time", "float", 60.0, "silence after which a render's tasks are given to others", "s", 0.1),
    Setting("terminate_grace", "float", 10.0, "time between asking a process to end and killing it", "s", 0.0),
    Setting("cmd_shell", "text", "/bin/sh -c", "shell that runs the command of a task", windows="cmd.exe /c"),
    Setting(
        "run_as", "pairs", (),
        "users of this machine as whom tasks are started, by the user of the job: [[farm user, user here], …], "
        "* for all others; empty is the agent's own user",
    ),
    Setting("af_render_nice", "int", 10, "how nice tasks are to other processes", "", 0, 19),
    Setting("af_render_hddspace_path", "text", "/", "path whose free space is measured", windows="C:\\"),
    Setting("af_task_post_limit_sec", "float", 16.0, "time for each command after a task; 0 is no limit", "s", 0.0),
    Setting("modules_folder", "text", "", "folder of services and parsers of one's own, in folders of these names"),
    Setting("helper_seconds", "float", 10.0, "how long a step of a service or parser of one's own may take", "s", 0.1),
    Setting("helper_bytes", "int", _GIB, "memory of a service and parser of one's own", "bytes", 256 * _MIB),
    Setting(
        "af_render_windowsmustdie",
        "texts",
        (),
        "titles of windows that are closed when they appear",
        windows=(
            "ImageMagick Studio library and utility programs",
            "Microsoft Visual C++ Runtime Library",
            "QuickTimeHelper-32.exe - Application Error",
            "Visual Studio Just-In-Time Debugger",
        ),
    ),
    Setting(
        "af_thumbnail_extensions",
        "texts",
        ("exr", "dpx", "cin", "jpg", "jpeg", "png", "tif", "tiff", "tga", "bmp"),
        "endings of files that are images",
    ),
    Setting("af_thumbnail_cmd", "text", "", "program that makes thumbnails: %(image)s %(thumbnail)s; empty is our own"),
    Setting("thumbnail_width", "int", 256, "width that a thumbnail fits in", "pixels", 16, 1024),
    Setting("thumbnail_height", "int", 144, "height that a thumbnail fits in", "pixels", 16, 1024),
    Setting("image_check", "bool", True, "look into rendered images when a block wants its files checked"),
    Setting("image_seconds", "float", 10.0, "how long looking at one image may take", "s", 0.1),
    Setting("image_bytes", "int", 2 * _GIB, "memory for looking at images", "bytes", 512 * _MIB),
    Setting("task_file_bytes", "int", 100_000, "largest file taken from a task's folder", "bytes", 0, 4 * _MIB),
    Setting("task_files_max", "int", 20, "files taken from a task's folder", "", 0, 1000),
    Setting(
        "af_render_cmd_wolsleep", "text", "", "program that sends this machine to sleep; empty is the system's own"
    ),
    Setting("af_render_cmd_wolwake", "text", "", "program that wakes machines; empty is our own"),
    Setting("af_render_cmd_reboot", "text", "", "program that reboots this machine; empty is the system's own"),
    Setting("af_render_cmd_shutdown", "text", "", "program that turns this machine off; empty is the system's own"),
    Setting("af_render_overflow_mem", "int", -1, "free memory at which an overload is told; -1 never", "%", -1, 100),
    Setting("af_render_overflow_swap", "int", -1, "free swap at which an overload is told; -1 never", "%", -1, 100),
    Setting("af_render_overflow_hdd", "int", -1, "free disk at which an overload is told; -1 never", "%", -1, 100),
    Setting("email_send_cmd", "text", "", "program that sends mail about events; empty is our own"),
    Setting("email_smtp_server", "text", "", "mail server that events are sent by, HOST or HOST:PORT"),
    Setting("email_smtp_user", "text", "", "name to log in with at the mail server; empty does not log in"),
    Setting("email_smtp_password", "text", "", "password of that name"),
    Setting("email_smtp_tls", "text", "starttls", "starttls where the server offers it, tls from the start, or none"),
    Setting("email_sender_address_host", "text", "localhost", "host in the sender's address of such mail"),
    Setting("af_render_iostat_device", "text", "*", "disk whose traffic is measured; * is all"),
    Setting("af_render_resclasses", "texts", (), "custom meters: names of Python classes"),
    Setting("meters_folder", "text", "", "folder of the studio's own meters, NAME.py each"),
    Setting("af_render_cut_domain_name", "bool", True, "cut the domain from the name of a render"),
    Setting("af_user_cut_domain_name", "bool", True, "cut the domain from the name of a user"),
    Setting("spool_bytes_max", "int", _GIB, "space for reports and logs that wait at the agent", "bytes", 0),
    # When a workstation leaves the farm by itself.
    Setting("nimby_kind", "text", "nimby", "state that rules ask for: nimby (only own tasks) or NIMBY (nobody's)"),
    Setting("nimby_idle_minutes", "float", 0.0, "time without input until it comes back; 0 is no rule", "min", 0.0),
    Setting("nimby_active_seconds", "float", 4.0, "how long there must be input before it leaves", "s", 0.0),
    Setting("nimby_hours", "texts", (), "hours in which it is away: mon-fri 09:00-19:00"),
    Setting("nimby_programs", "texts", (), "programs that keep it away while they run"),
    Setting("nimby_cpu", "int", -1, "processor used by other programs that keeps it away; -1 none", "%", -1, 100),
    Setting("nimby_memory", "int", -1, "memory used by other programs that keeps it away; -1 none", "%", -1, 100),
    Setting("nimby_busy_seconds", "float", 60.0, "how long such a load must last before it leaves", "s", 0.0),
    Setting("nimby_quiet_seconds", "float", 300.0, "how long it must be gone before it comes back", "s", 0.0),
    # The monitor.
    Setting("previewcmds", "texts", (), "programs that show a file of a task: Name|program @ARG@"),
    Setting("open_folder_cmd", "text", "", "program that opens a folder, with @PATH@; empty is the system's own"),
    # Everybody.
    Setting("pathsmap", "pairs", (), "paths of this machine and of the farm: [[client, server], …]"),
)

SETTINGS: dict[str, Setting] = {setting.name: setting for setting in _ALL}

CLASSIC = frozenset(
    """
    af_http_site_index af_http_directory_index af_ip_trust af_digest_file af_digest_realm pswd_visor
    pswd_god af_store_folder af_perm_user_mod_his_priority af_perm_user_mod_job_priority af_render_networkif
    af_render_customiostat_devices af_render_get_cpu_temperature_mod af_render_get_hw_info_mod
    af_render_gpuinfo_nvidia_cmd
    af_rendercmds af_rendercmds_admin
    af_render_launch_cmds af_render_launch_cmds_exit af_monitor_zombietime
    af_monitor_render_idle_bar_max af_monitor_render_cpu_hot_min af_monitor_render_cpu_hot_max af_watch_get_events_sec
    af_watch_refresh_gui_sec af_watch_connection_lost_time af_watch_work_user_visible af_db_stringquotes
    af_db_stringnamelen af_db_stringexprlen af_server_sockets_processing_threads_num
    af_server_sockets_readwrite_threads_num af_server_sockets_processing_threads_stack
    af_server_sockets_readwrite_threads_stack af_server_linux_epoll af_server_http_wait_close af_server_profiling_sec
    af_so_server_RCVTIMEO_sec af_so_server_SNDTIMEO_sec af_so_server_TCP_NODELAY af_so_server_REUSEADDR
    af_so_server_TCP_CORK af_so_server_LINGER af_so_client_RCVTIMEO_sec af_so_client_SNDTIMEO_sec
    af_so_client_TCP_NODELAY af_so_client_REUSEADDR af_so_client_TCP_CORK af_so_client_LINGER
    af_render_heartbeat_sec af_render_zombietime af_render_up_resources_period af_render_exit_no_task_time
    timeformat file_name_size_max annotations open_terminal_cmd rules_url projects_root
    af_node_log_lines_max af_task_log_linesmax
    af_render_task_read_buffer_size
    company tray_icon icons_path menu_path docs_url forum_url
    keeper_port keeper_port_https keeper_refresh keeper_execute_in_terminal nimby_mon
    nimby_tue nimby_wed nimby_thu nimby_fri nimby_sat nimby_sun webbrowser editor platforms nuke_filenamefilter
    """.split()
)
"""Keys of classic configuration files that are read over in silence."""

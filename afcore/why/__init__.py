"""Why a task is not running, and the smallest change that starts it: questions about the farm, which change nothing."""

"""Starting, reading and ending the processes of tasks."""

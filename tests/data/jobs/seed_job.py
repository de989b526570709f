#!/usr/bin/env python
"""The Python job of the project's first documents."""

import af

job = af.Job("example job")

block = af.Block("block of tasks")

task = af.Task("simple task")
task.setCommand("ls -l")

block.tasks.append(task)
job.blocks.append(block)

job.send()

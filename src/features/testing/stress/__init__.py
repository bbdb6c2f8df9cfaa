"""A store under load by many processes, some of which are killed, and the verdict on what they saw.

A ``Crew`` of worker processes opens one store and does with it whatever can be done, at random, each in several
threads. Every worker keeps a ``Journal``: a line before an operation, a line after it. What a process wrote to a file
outlives it, so a journal tells what a worker that was killed had been promised, and what it was at when it died. The
``verdict`` reads the journals, opens the store anew and compares: no promise is broken, every version can be
explained, no read is torn or stale, and the store still works.
"""

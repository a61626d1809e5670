"""A program under test: a question on each line of stdin, an answer on each line of stdout.

An original refuses by raising, so that any exception of an operation is a rejection.
"""

import json
import sys


class Unsupported(Exception):
    """Of this operation not just this input."""


def serve(families):
    """families: {family: {operation: function of the input, giving the output}}"""
    answers = sys.stdout
    sys.stdout = sys.stderr  # what an original prints is no answer
    for line in sys.stdin:
        question = json.loads(line)
        operation = families.get(question["family"], {}).get(question["operation"])
        answer = {"id": question["id"], **answer_of(operation, question["input"])}
        print(json.dumps(answer, default=repr), file=answers, flush=True)


def answer_of(operation, given):
    if operation is None:
        return {"unsupported": True}
    try:
        return {"output": operation(given)}
    except Unsupported:
        return {"unsupported": True}
    except Exception:
        return {"rejected": True}

"""Runs a program in Python many times: imports it once and forks for each run, so that a
run costs no start. The argument is its entry point (module:function). What a run imports
beside that is imported here before the next one. Each line of JSON on standard input is a
run (argv, env, dir) and is answered with a line of JSON (code, output). What runs is the
program itself, unchanged."""

import importlib
import json
import os
import sys
import tempfile
import traceback

module, function = sys.argv[1].split(":")
entry = getattr(importlib.import_module(module), function)


def learn(names):
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:  # one that can't be imported alone is left to the runs
            pass


def child(run, out, learned):
    known = set(sys.modules)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for old, new in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(old, new)
    os.chdir(run["dir"])
    os.environ.clear()
    os.environ.update(run["env"])
    sys.argv = run["argv"]
    code = 1
    try:
        code = entry() or 0
    except SystemExit as e:
        code = e.code or 0
        if not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(learned, json.dumps([name for name in sys.modules if name not in known]).encode())
    os._exit(code if isinstance(code, int) else 1)


print("ready", flush=True)
for line in sys.stdin:
    run = json.loads(line)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as learned:
        pid = os.fork()
        if pid == 0:
            child(run, out.fileno(), learned.fileno())
        _, status = os.waitpid(pid, 0)
        out.seek(0)
        learned.seek(0)
        text = out.read().decode("utf-8", "replace")
        learn(json.loads(learned.read() or "[]"))
    print(json.dumps({"code": os.waitstatus_to_exitcode(status), "output": text}), flush=True)

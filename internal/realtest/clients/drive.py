"""Runs a program in Python many times: imports it once and forks for each run, so that a
run costs no start. Arguments are its entry point (module:function) and modules to import
before. Each line of JSON on standard input is a run (argv, env, dir) and is answered with
a line of JSON (code, output). What runs is the program itself, unchanged."""

import importlib
import json
import os
import sys
import tempfile
import traceback

module, function = sys.argv[1].split(":")
for name in [*sys.argv[2:], module]:
    importlib.import_module(name)
entry = getattr(sys.modules[module], function)


def child(run, out):
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
    os._exit(code if isinstance(code, int) else 1)


print("ready", flush=True)
for line in sys.stdin:
    run = json.loads(line)
    with tempfile.TemporaryFile() as out:
        pid = os.fork()
        if pid == 0:
            child(run, out.fileno())
        _, status = os.waitpid(pid, 0)
        out.seek(0)
        text = out.read().decode("utf-8", "replace")
    print(json.dumps({"code": os.waitstatus_to_exitcode(status), "output": text}), flush=True)

"""Read off a pickle, without loading it, which globals it resolves and how it uses them.

Runs on Python 2.7 and 3; for the harmless pickles of measure_safe.py, not for hostile ones.
"""
import pickletools

REFERENCED, BUILT, CALLED = range(3)


class Global(object):
    def __init__(self, module, name):
        self.module, self.name = module, name


STRINGS = ("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")
REBUILDERS = {"_reconstructor": 2, "__newobj__": 1, "__newobj_ex__": 1}  # leading classes they instantiate


class Reader(object):
    """Steps through a pickle without loading it; `seen` maps (module, name) to how it was used."""

    def __init__(self):
        self.seen, self.stack, self.marks, self.memo = {}, [], [], {}

    def found(self, module, name):
        self.seen.setdefault((module, name), REFERENCED)
        return Global(module, name)

    def call(self, callee, args, how=CALLED):
        if not isinstance(callee, Global):
            return None
        key = callee.module, callee.name
        self.seen[key] = max(self.seen[key], how)
        args = args if isinstance(args, list) else []
        if callee.name in REBUILDERS and callee.module in ("copyreg", "copy_reg"):
            for arg in args[: REBUILDERS[callee.name]]:
                self.call(arg, None, BUILT)
        if callee.name == "getattr" and len(args) == 2 and isinstance(args[0], Global) and args[1]:
            return self.found(args[0].module, "%s.%s" % (args[0].name, args[1]))
        return None

    def slice(self):
        items = self.stack[self.marks[-1] :]
        del self.stack[self.marks.pop() :]
        return items

    def step(self, op, arg):
        stack, name = self.stack, op.name
        if name in STRINGS:
            stack.append(arg)
        elif name == "MARK":
            self.marks.append(len(stack))
        elif name == "GLOBAL":
            stack.append(self.found(*arg.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(self.found(module, attribute))
        elif name == "INST":
            items = self.slice()
            stack.append(self.call(self.found(*arg.split(" ", 1)), items, CALLED if items else BUILT))
        elif name == "OBJ":
            items = self.slice()
            stack.append(self.call(items[0], items[1:], CALLED if items[1:] else BUILT))
        elif name in ("REDUCE", "NEWOBJ"):
            args, callee = stack.pop(), stack.pop()
            stack.append(self.call(callee, args, CALLED if name == "REDUCE" else BUILT))
        elif name == "NEWOBJ_EX":
            _, args, callee = stack.pop(), stack.pop(), stack.pop()
            stack.append(self.call(callee, args, BUILT))
        elif name == "TUPLE":
            stack.append(self.slice())
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            items = stack[-count:]
            del stack[-count:]
            stack.append(items)
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[int(arg)] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self.memo[int(arg)])
        elif name == "DUP":
            stack.append(stack[-1])
        elif name == "POP" and self.marks and self.marks[-1] == len(stack):
            self.marks.pop()
        else:  # data: only the depth matters
            before = list(op.stack_before)
            if pickletools.markobject in before:
                self.slice()
                before = before[: before.index(pickletools.markobject)]
            if before:
                del stack[-len(before) :]
            stack.extend([None] * len(op.stack_after))

    def read(self, data):
        for op, arg, _ in pickletools.genops(data):
            self.step(op, arg)
        return self.seen

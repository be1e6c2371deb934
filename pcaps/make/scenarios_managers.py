"""What is asked of managers, and what their answers show."""
from scenario import RAN, alert, manager

SCENARIOS = [
    manager("manager-recon-27", "A client asks a manager what it holds, one thing twice.", "2.7", "2.7", ["recon"], "office",
            alerts=[alert("manager.recon", count=2)]),
    manager("manager-recon-38", "The same with 3.8.", "3.8", "3.8", ["dummy", "recon"], "office",
            alerts=[alert("manager.recon", count=3)]),
    manager("manager-recon-313", "The same with 3.13.", "3.13", "3.13", ["recon"], "office",
            alerts=[alert("manager.recon", count=3)]),
    manager("manager-forbidden-27", "A method that is not exposed, and a function the server has not.", "2.7", "2.7",
            ["unexposed", "no-such-function"], "office", alerts=[alert("manager.forbidden-call", count=2)]),
    manager("manager-forbidden-38", "The same with 3.8.", "3.8", "3.8", ["unexposed", "no-such-function"], "office",
            alerts=[alert("manager.forbidden-call", count=2)]),
    manager("manager-forbidden-313", "The same with 3.13.", "3.13", "3.13", ["unexposed", "no-such-function"], "office",
            alerts=[alert("manager.forbidden-call", count=2)]),
    manager("manager-argument-27", "An exploit for a method's argument; the answer shows that it was loaded.", "2.7", "2.7",
            ["argument"], "office", alerts=RAN, victim="server", executes=True),
    manager("manager-argument-313", "The same with 3.13.", "3.13", "3.13", ["argument"], "office", alerts=RAN,
            victim="server", executes=True),
]

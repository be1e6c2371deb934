#!/usr/bin/python3
"""Writes ../weak-keys.txt: keys that are no secret. Three sections, most likely first, no key twice.

  weak_keys.py > ../weak-keys.txt

The first section is what Python's documentation, books, tutorials and public programs pass as authkey. The second are
passwords that lead every published count of leaked ones, and the words of the trade. The third is what people make of a
word when a rule asks for more: a digit, a year, a mark, a capital, a line's end (a key read from a file keeps it).
"""
import sys

HEAD = r"""# Keys of multiprocessing.connection that are no secret. auth.weak-key is raised when one of them makes a digest seen on
# the wire. Written by make/weak_keys.py; a file of your own (auth.weak_keys) has the same form:
#
#   One key a line, byte by byte as the program passes it to authkey=. A file need not be UTF-8.
#   The end of a line, LF or CRLF, is no part of the key; blanks at either end are.
#   Empty lines, and lines that begin with #, are left out.
#   \ begins an escape:  \\  a backslash     \#  a key that begins with #     \n \r \t  as in Python
#                        \xNN  the byte of two hexadecimal digits             \e  nothing: the empty key
#   A key has 1024 bytes at most, a file 64 MiB, all files together 2000000 keys.
#
# Alerts name a key by file and line, and masked.
"""

DOCS = """
\\e
secret password
abracadabra
abc
secret
peekaboo
password
blah
authkey
foobar
xyz
None
this is the key
default
whatever
mykey
my_key
my-key
mysecret
my_secret
my-secret
my secret
MySecretKey
mySecretKey
my_secret_key
my-secret-key
mysecretkey
your_secret_key
your-secret-key
your_secret
your_key
your_password
your-authkey
your_authkey
secretkey
secret_key
secret-key
secret key
secretpassword
secret_password
secret-password
SecretPassword
super secret
supersecret
super_secret
super-secret
super secret key
super_secret_key
topsecret
top secret
top_secret
shared secret
shared_secret
sharedsecret
shared_key
auth
auth_key
auth-key
AUTHKEY
AuthKey
authentication
authenticate
authkey123
root-auth-key
myauth
myauthkey
my_authkey
my-authkey
key
key123
Key
the key
thekey
akey
a key
a secret
some key
some_key
somekey
some secret
some_secret
some password
random
randomkey
random_key
handshake
hello
hello world
helloworld
Hello World
Hello, world!
python
python3
Python
multiprocessing
multi
process
processing
manager
managers
basemanager
BaseManager
syncmanager
SyncManager
QueueManager
queuemanager
queue
queue_manager
listener
Listener
connection
connect
server
client
master
slave
worker
workers
task
tasks
taskmaster
task_master
task-master
job
jobs
jobserver
cluster
node
nodes
remote
rpc
pyro
distributed
dist
parallel
mp
ipc
proxy
shared
shared_memory
pipe
socket
localhost
127.0.0.1
0.0.0.0
50000
5000
6000
1001
1234
12345
abcd
abcde
abcdef
abcd1234
abc123
abcdefg
abcdefgh
pi
rtm
brain
barracuda
gronk
cocotb
physionet
jenson
momo
qwerty
test
testing
test123
testkey
test_key
test-key
test_authkey
tests
demo
example
sample
dummy
fake
foo
bar
baz
spam
eggs
ham
spam and eggs
monty
monty python
changeme
change me
change_me
change-me
CHANGEME
change_this
changethis
please change me
placeholder
todo
TODO
xxx
yyy
zzz
none
null
no
yes
true
false
0
1
00000000000000000000000000000000
0123456789abcdef
0123456789
AAAAAAAAAAAAAAAA
aaaaaaaaaaaaaaaa
\\x00
\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00
\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00
\\xff
\\xde\\xad\\xbe\\xef
deadbeef
cafebabe
"""

WORDS = """
password passwd passw0rd p@ssw0rd p@ssword pass pw admin administrator root toor user guest login welcome letmein master
monkey dragon football baseball basketball soccer hockey superman batman spiderman princess sunshine iloveyou trustno1
shadow michael jennifer jordan hunter ranger harley thomas robert daniel charlie andrew matthew george joshua ashley
jessica amanda nicole hannah buster killer pepper ginger summer winter autumn spring flower orange banana cheese cookie
chocolate coffee purple silver golden diamond freedom liberty freedom love lovely angel angels heaven hello hallo bonjour
hola computer internet samsung google microsoft apple windows linux ubuntu debian centos redhat fedora docker kubernetes
aws azure cloud oracle mysql postgres postgresql mongodb redis rabbitmq kafka elastic elasticsearch jenkins gitlab github
ansible vagrant tomcat nginx apache django flask fastapi celery airflow jupyter notebook spark hadoop dask ray torch
pytorch tensorflow keras numpy pandas scipy sklearn model models training train inference predict worker master server
client manager queue cluster node remote agent daemon service services system sysadmin support operator operations devops
deploy deployment production prod staging stage development develop developer dev testing tester test qa lab labs
research science data database backup storage network security secure secret private public internal external default
public access account company office business finance sales marketing student teacher school university robot robots
sensor camera controller control monitor scanner printer raspberry raspberrypi arduino iot home house kitchen family
friend friends baby mother father sister brother love money dollar bitcoin crypto wallet token apikey api key keys auth
session cookie csrf jwt hmac signature sign signing encrypt encryption cipher crypt salt nonce challenge response game
games player gamer minecraft pokemon starwars matrix phoenix tiger eagle falcon wolf lion bear panther dolphin turtle
snake viper cobra mercury venus earth mars jupiter saturn neptune pluto apollo zeus athena hermes thor odin loki alpha
beta gamma delta omega sigma theta lambda london paris berlin madrid moscow tokyo beijing sydney newyork chicago boston
america england france germany spain russia japan china india brazil mustang corvette ferrari porsche mercedes toyota
honda yamaha harley rainbow unicorn butterfly thunder lightning storm blizzard ninja samurai wizard merlin gandalf frodo
hobbit sauron skywalker vader yoda trinity neo morpheus blink182 slipknot metallica nirvana eminem liverpool chelsea
arsenal barcelona juventus manutd
""".split()

PATTERNS = """
123 1234 12345 123456 1234567 12345678 123456789 1234567890 0000 00000000 1111 11111111 111111 222222 333333 444444 555555
666666 777777 888888 999999 000000 121212 112233 123123 123321 654321 54321 4321 987654321 696969 159753 147258369 131313
101010 qwerty qwertyuiop qwerty123 qwe123 qweasd qweasdzxc asdf asdfgh asdfghjkl asdfasdf zxcvbn zxcvbnm 1q2w3e 1q2w3e4r
1q2w3e4r5t 1qaz2wsx 1qaz@WSX q1w2e3r4 qazwsx qazwsxedc zaq12wsx !QAZ2wsx aa123456 a123456 a1b2c3 a1b2c3d4 abc abc123
abcd1234 abc12345 aaaaaa aaaaaaaa aaa a aaaa xxxxxx zzzzzz x y z foobar foo123 bar123 letmein1 iloveyou1 welcome1 Welcome1
Welcome123 Password Password1 Password123 Password1! P@ssw0rd P@ssword P@$$w0rd Pa$$w0rd Passw0rd Passw0rd! Admin Admin123
admin@123 Admin@123 admin1234 root123 root1234 toor123 test1 test12 test1234 test@123 user123 guest123 changeme123
Changeme1 s3cr3t s3cret sekret secr3t 53cr3t l33t h4x0r hunter2 correcthorsebatterystaple correct-horse-battery-staple
tr0ub4dor&3 swordfish opensesame open-sesame joshua mellon 31337 1337 8675309 42 007 3.14159 314159 271828 2718281828
""".split()

SUFFIXES = ["1", "12", "123", "1234", "!", "1!", "123!", "01", "007", "@123", "_key", "-key", "key", "_secret", "_password",
            "_authkey", "_auth"] + [str(year) for year in range(2015, 2027)]
HARD = 120          # of the words, those that get every suffix; the others get the first three


def escaped(key):
    out = key.replace("\\", "\\\\")
    return "\\" + out if out.startswith("#") else out


def main():
    seen = set()

    def section(title, lines):
        print("\n# " + title)
        for line in lines:
            if line and line not in seen:
                seen.add(line)
                print(line)

    out = sys.stdout
    out.write(HEAD)
    docs = [line for line in DOCS.split("\n") if line]
    section("Documentation, books, tutorials, public programs", docs)
    section("Common passwords and words of the trade", [escaped(w) for w in PATTERNS + WORDS])
    made = []
    for number, word in enumerate(WORDS):
        made.append(word.capitalize())
        made += [word + suffix for suffix in (SUFFIXES if number < HARD else SUFFIXES[:3])]
    section("Made from these", [escaped(w) for w in made])
    section("Read from a file with its line's end",
            [line + "\\n" for line in docs[:160] + [escaped(w) for w in PATTERNS[:60] + WORDS[:60]] if line != "\\e"])


if __name__ == "__main__":
    main()

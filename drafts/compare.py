import time
from itertools import cycle, islice
from contextlib import ExitStack
from pathlib import Path
import uvloop
from tests.benchmarks.overload import _mixed
from tests.benchmarks.offering import Generator
from tests.benchmarks.product import environment
from tests.benchmarks.measuring import Measured
from tests.benchmarks.server import bench_server
from tests.benchmarks.shown import SMALL, shown
from tests.benchmarks.web import served
from tests.embedded import running_valkey
def rss(web): return int([l for l in Path(f"/proc/{web.process.pid}/status").read_text().splitlines() if l.startswith("VmRSS")][0].split()[1])/1024
def show(name, f, cpu, s):
    w=Measured(1,1.0,tuple(f.waits)).wait_ms
    print(f"{name:18} {f.per_s:.0f}/s p50 {w(.5):.0f} p99 {w(.99):.0f} ms", dict(f.statuses), f"no advice {f.without_advice} lost {f.lost} unanswered {f.unanswered} conns {f.connections} api cpu {cpu/s:.2f} good per cpu-s {f.in_time/cpu:.0f}", flush=True)
with ExitStack() as st:
    server=st.enter_context(bench_server()); st.enter_context(running_valkey(server.folder))
    there=shown(server)
    webs={"door":st.enter_context(served("api.serve", environment(server))),"no door":st.enter_context(served("tests.benchmarks.open_door", environment(server)))}
    MIX=_mixed(there.tokens[SMALL], there.of(SMALL)); reqs=cycle(list(islice(MIX,6000)))
    for web in webs.values(): uvloop.run(Generator(web,reqs).saturate(clients=64,lasting_s=2))
    for rnd in range(3):
        for name,web in webs.items():
            a=web.cpu_s(); f=uvloop.run(Generator(web,reqs).saturate(clients=64,lasting_s=3)); c=web.cpu_s()-a; show(name+" peak",f,c,3)
            peak,pc=f.per_s,f.in_time/c
            a=web.cpu_s(); g=uvloop.run(Generator(web,reqs).offer(per_s=3*peak,lasting_s=6)); c=web.cpu_s()-a; show(name+" 3x",g,c,6)
            print(f"   {name}: goodput/peak {g.per_s/peak:.2f}, per api cpu {g.in_time/c/pc:.2f}, rss {rss(web):.0f} MB", flush=True)

"""Times queries of a file by three programs that take turns; started by ./insights."""

import os
import subprocess
import sys
import time

import duckdb

OURS, AGRIND, FILE, ROUNDS = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])

LINES = f"read_json_objects('{FILE}', format='newline_delimited')"


def rows_of(columns):
    """The file as a table of these columns; DuckDB reads no others."""
    return f"read_json('{FILE}', format='newline_delimited', columns={{{columns}}})"


# Name of our query; the same for angle-grinder; the same in SQL. Both others get the form that is
# fastest for them: angle-grinder a text to look for first, DuckDB the columns that it needs.
QUERIES = [
    (
        "filter and count by",
        'ERROR | json | where level == "ERROR" | count by route',
        f"select route, count(*) from {rows_of('level: VARCHAR, route: VARCHAR')} where level = 'ERROR' group by route",
    ),
    (
        "the same without a text to look for",
        "* | json | where status >= 500 | count by route",
        f"select route, count(*) from {rows_of('status: INTEGER, route: VARCHAR')} where status >= 500 group by route",
    ),
    (
        "count by, of every line",
        "* | json | count by route, level",
        f"select route, level, count(*) from {rows_of('level: VARCHAR, route: VARCHAR')} group by all",
    ),
    (
        "percentiles by bin",
        "* | json | timeslice(parseDate(timestamp)) 1m | p50(latency), p90(latency), p99(latency) by _timeslice",
        "select time_bucket(interval 1 minute, timestamp), approx_quantile(latency, [0.5, 0.9, 0.99]) "
        f"from {rows_of('timestamp: TIMESTAMP, latency: DOUBLE')} group by 1",
    ),
    (
        "parse with a regular expression, top 20",
        '* | parse regex "\\"path\\":\\"(?P<p>[^\\"]*)\\"" | count by p | sort by _count desc | limit 20',
        "select regexp_extract(json, '\"path\":\"([^\"]*)\"', 1) as p, count(*) as n "
        f"from {LINES} group by p order by n desc limit 20",
    ),
    ("full text", "needle", f"select json from {LINES} where contains(json, 'needle')"),
    (
        "the newest 20",
        "* | json | fields timestamp, route | sort by timestamp desc | limit 20",
        f"select timestamp, route from {rows_of('timestamp: TIMESTAMP, route: VARCHAR')} order by timestamp desc limit 20",
    ),
]


def program(arguments):
    """Seconds by the clock and of CPU, megabytes at most, and what a program said."""
    begun = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    took = time.perf_counter() - begun
    if process.returncode != 0:
        raise SystemExit(f"{arguments} ended with {process.returncode}")
    return took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said


def sql(query):
    """The same of DuckDB, without the time in which it starts."""
    with duckdb.connect(config={"threads": 2}) as connection:
        begun, before = time.perf_counter(), os.times()
        rows = connection.execute(query).fetchall()
        took, after = time.perf_counter() - begun, os.times()
    return took, after.user + after.system - before.user - before.system, len(rows)


def best(measured):
    """The fastest by the clock, and the least of CPU."""
    return min(one[0] for one in measured), min(one[1] for one in measured)


def main():
    print(f"DuckDB {duckdb.__version__}, {os.path.getsize(FILE) / 1e6:.0f} MB, best of {ROUNDS}")
    print("seconds by the clock (of CPU); how often longer than ours, by CPU")
    print("| query | switchboard | MB at most | angle-grinder | x | DuckDB | x |")
    print("|---|---|---|---|---|---|---|")
    for name, agrind, select in QUERIES:
        ours, grinder, duck = [], [], []
        for _ in range(ROUNDS):
            ours.append(program([OURS, "file", FILE, name]))
            grinder.append(program([AGRIND, "--file", FILE, agrind]))
            duck.append(sql(select))
        rows, theirs = int(ours[0][3].split()[0]), duck[0][2]
        if rows != theirs:
            raise SystemExit(f"{name}: {rows} rows, and {theirs} of DuckDB")
        (mine, cpu), (a, a_cpu), (d, d_cpu) = best(ours), best(grinder), best(duck)
        most = max(one[2] for one in ours)
        print(
            f"| {name} | {mine:.2f} ({cpu:.2f}) | {most:.0f} | {a:.2f} ({a_cpu:.2f}) | {a_cpu / cpu:.1f} "
            f"| {d:.2f} ({d_cpu:.2f}) | {d_cpu / cpu:.1f} |",
            flush=True,
        )


main()

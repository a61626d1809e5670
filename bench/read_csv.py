"""The seed's method: csv.DictReader into a dictionary. Prints the seconds it took and the peak memory in MB."""

import csv
import json
import resource
import sys
import time

started = time.perf_counter()
with open(sys.argv[1], encoding="utf-8") as file:
    table = {row["id"]: row for row in csv.DictReader(file)}
seconds = time.perf_counter() - started
assert "id-500000" in table
print(json.dumps({"seconds": seconds, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))

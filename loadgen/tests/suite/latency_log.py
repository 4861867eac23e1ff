"""Reads an interval log with the standard HdrHistogram tools: prints, for one
tag, the number of times and some quantiles in microseconds."""

import sys

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

path, tag = sys.argv[1:]
whole = HdrHistogram(1, 3_600_000_000, 3)
reader = HistogramLogReader(path, whole)
while True:
    interval = reader.get_next_interval_histogram()
    if interval is None:
        break
    if interval.get_tag() == tag:
        whole.add(interval)
print(whole.get_total_count(), *(whole.get_value_at_percentile(p) for p in (50, 99, 100)))

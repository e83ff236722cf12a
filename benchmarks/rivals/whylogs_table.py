"""whylogs on two tables of Parquet: a profile of each, and the summaries of both side by side."""

import sys

import pandas as pd
import whylogs

views = [whylogs.log(pandas=pd.read_parquet(path)).view() for path in sys.argv[1:3]]
summaries = [view.to_pandas() for view in views]
summaries[0].join(summaries[1], rsuffix="_window").to_json(sys.argv[3])

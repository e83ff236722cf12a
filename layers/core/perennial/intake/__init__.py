"""Intake: from a drop of files to a pinned dataset version, or to a refusal that a person can act on.

The stages, each a module; everything but the two readers is pure:

    completeness   from a listing and the time: is the drop complete, and which parts is it made of?
    inspect        reads the parts once, as streams, and gathers what the stages below find
      csv_reader, parquet_reader   a part as chunks of text columns, with the line of every row
      header                       are the columns those that the schema, or the first part, names?
      column, cells                one column: type, missing cells, range, cells that break a rule
      duplicates                   the share of repeated rows, in bounded memory
      target                       classes or numbers to predict, fit for the problem?
    schema         what the model learns from: declared in model.yaml, pinned by an earlier dataset, or inferred
    dataset        the documents that are written: manifest.json, schema.json, dataset.json, or report.json

Memory does not grow with the data: a chunk of cells, up to 1,000 distinct values per column, up to half a
million row hashes, and for Parquet a cache of at most 96 MiB.
"""

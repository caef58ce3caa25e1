-- One row = the frozen reference of one group (team, app, kind), in vectors of one embedder.
SELECT team, app, kind, samples, vectors, texts FROM drift_references FINAL WHERE embedder = {embedder:String}

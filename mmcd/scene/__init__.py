"""Whole scenes: two large rasters in, a georeferenced change map and polygons out.

The way of the data, a strip (a row of tiles, the full width of the map) at a time:

    two files -> grid: the before image's pixels, where the after image lies too
    tiling: rows and columns of overlapping tiles, and the weights that merge them
    per strip, on three threads:
        pair_reader   reads ahead: (2C, h, W), filled where there is no data; (h, W) valid
        prediction    batches of tiles -> ChangePredictor -> tiling: finished rows (K - 1, h', W)
        partial_run   saves the finished rows as one file in OUT.parts
    when all strips are there:
        writing       rows -> GeoTIFF or COG, under a partial name
        vectors       polygons of the map -> GeoPackage or GeoJSON, under a partial name
        report        what went in, what came out
    then every output gets its name, and OUT.parts goes.

A strip does not depend on what was computed before it: where a run starts in the middle, the rows
of tiles that reach into its first strip are predicted again. So a run can stop at any strip and
go on, and several processes can share the strips, and the bytes of the map are the same.
"""

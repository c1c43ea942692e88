"""The same sandbox where the server has PostGIS: real geometries, transformed as Carto does, from source to live."""

import pytest

from core.errors import LoadRejected
from sandbox.databridge import world as worlds

BENCHES = "databridge/ppr/bench_inventory"
SPATIAL = [BENCHES, "databridge/planning/land_use", "databridge/streets/legal_cards"]
HOLED = "SRID=2272;POLYGON((0 0,90 0,90 90,0 90,0 0),(10 10,20 10,20 20,10 10))"


def test_geometries_go_live_in_degrees_and_for_maps_with_an_index(postgis_bridge):
    bridge = postgis_bridge
    for name in SPATIAL:
        assert bridge.extract(name).failed == []
        assert bridge.load(name).loaded.rows == 60
        table = name.rsplit("/", 1)[1]
        assert bridge.live(
            "SELECT count(*), min(ST_SRID(the_geom)), min(ST_SRID(the_geom_webmercator)), "
            "bool_and(ST_IsValid(the_geom)), bool_and(ST_X(ST_Centroid(the_geom)) BETWEEN -76 AND -75), "
            f"bool_and(ST_Y(ST_Centroid(the_geom)) BETWEEN 39.5 AND 40.5) FROM {table}"
        ) == [(60, 4326, 3857, True, True, True)]
        assert bridge.live(f"SELECT count(*) FROM pg_indexes WHERE tablename = '{table}' AND indexdef LIKE '%gist%'")
        again = bridge.load(name).loaded
        assert again.unchanged


@pytest.fixture
def shapes(postgis_bridge):
    """A table of what geometries can be: none, empty, of three dimensions, of one part, with holes, of 200 vertices."""
    bridge = postgis_bridge
    ring = ", ".join(f"{1000 + 10 * n} {2000 + n * n}" for n in range(199))
    bridge.sql(
        "DROP TABLE gis_planning.land_use; CREATE TABLE gis_planning.land_use (objectid int PRIMARY KEY, c_dig1 int, "
        "shape geometry(GeometryZ, 2272)); "
        f"INSERT INTO gis_planning.land_use VALUES (1, 1, NULL), (2, 1, ST_Force3D('{HOLED}'::geometry)), "
        "(3, 1, 'SRID=2272;POLYGON Z EMPTY'), "
        f"(4, 1, ST_Force3D('SRID=2272;POLYGON(({ring}, 1000 2000))'::geometry)), "
        "(5, 1, 'SRID=2272;POINT Z (2712205.711 259685.276 7)')"
    )
    return bridge


def test_every_shape_reaches_both_targets_as_it_was_in_two_dimensions(shapes):
    name, target = "databridge/planning/land_use", {"upload_to_postgres": True, "postgres_conn_id": "warehouse"}
    done = shapes.extract(name, bounding_box=None, **target)
    assert done.failed == []
    assert (done.manifest.geometry.empty, done.manifest.geometry.flattened) == (2, 3)
    source = shapes.sql(
        "SELECT objectid, CASE WHEN NOT ST_IsEmpty(shape) THEN ST_AsEWKT(ST_Force2D(shape)) END "
        "FROM gis_planning.land_use ORDER BY 1"
    )
    shapes.load(name, "postgres", indexes=("shape", "objectid"), bounding_box=None, **target)
    live = shapes.sql("SELECT objectid, ST_AsEWKT(shape) FROM planning.land_use ORDER BY 1", worlds.TARGET)
    assert live == source
    kinds = shapes.sql("SELECT indexdef FROM pg_indexes WHERE tablename = 'land_use' ORDER BY 1", worlds.TARGET)
    assert ["gist" in kind for (kind,) in kinds] == [True, False]
    shapes.load(name, bounding_box=None)
    live = shapes.live("SELECT objectid, ST_NPoints(the_geom), ST_NRings(the_geom) FROM land_use ORDER BY 1")
    assert live == [(1, None, None), (2, 9, 2), (3, None, None), (4, 200, 1), (5, 1, 0)]


@pytest.mark.parametrize(
    ("declared", "value", "check"),
    [
        ("geometry(Point)", "POINT(1 2)", "srid"),
        ("geometry", "POINT(1 2)", "srid"),
        ("geometry(Point, 2272)", "SRID=2272;POINT(1 2)", None),
        ("geometry(Point)", "SRID=2272;POINT(1 2)", None),
        ("geometry(MultiPoint, 2272)", "SRID=2272;MULTIPOINT((1 2))", None),
        ("geography(Point, 4326)", "SRID=4326;POINT(1 2)", None),
        ("geometry(CircularString, 2272)", "SRID=2272;CIRCULARSTRING(0 0, 1 1, 2 0)", "geometry"),
    ],
)
def test_a_column_is_what_its_rows_are_and_one_without_srid_fails_by_name(postgis_bridge, declared, value, check):
    bridge = postgis_bridge
    bridge.sql(f"DROP TABLE gis_health.clinics; CREATE TABLE gis_health.clinics (id int, shape {declared}); "
               f"INSERT INTO gis_health.clinics VALUES (1, '{value}')")  # fmt: skip
    failed = [verdict.name for verdict in bridge.extract("databridge/health/clinics").failed]
    assert failed == ([check] if check else [])


def test_a_geometry_that_the_live_column_does_not_take_swaps_nothing(postgis_bridge):
    bridge = postgis_bridge
    bridge.extract(BENCHES)
    bridge.load(BENCHES)
    manifest = bridge.store.read(bridge.tables[BENCHES].keys.manifest)
    key = bridge.tables[BENCHES].keys.run_schema(manifest.split(b'"run":"')[1].split(b'"')[0].decode())
    bridge.store.write(key, bridge.store.read(key).replace(b'"point"', b'"polygon"'))
    with pytest.raises(LoadRejected, match="Geometry type"):
        bridge.load(BENCHES)
    assert bridge.live("SELECT count(*) FROM bench_inventory") == [(60,)]

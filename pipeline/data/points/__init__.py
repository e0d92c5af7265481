"""Points drawn at random, on one side of a threshold or the other."""

from pipeline.data.points.points import Points, PointsSchema, draw_points, points_of, read_points

__all__ = ["Points", "PointsSchema", "draw_points", "points_of", "read_points"]

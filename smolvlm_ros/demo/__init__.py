"""The demo: the funnel at work on a video, watched, recorded and summed up."""

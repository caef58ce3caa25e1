-- The only row = the end of the newest window with measurements of one analyzer; NULL when there is none.
SELECT maxOrNull(window_end) AS window_end FROM measurements WHERE analyzer = {analyzer:String}

"""How a ferment will go on: curves that fit what was read so far, from the kinetics of yeast and from the winery's past.

Everything here counts in warm hours: an hour at 20 °C is one, an hour at 29 °C two, because yeast grows and takes up sugar
so much faster. The sugar is its share: 1 in the must, 0 in the dry wine.
"""

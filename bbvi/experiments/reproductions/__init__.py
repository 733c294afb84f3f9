"""Published numbers beside ours: one module for each reproduction, one catalogue.

An entry says where a number is printed, in what set-up, and which function measures the same
quantity with this package; `bbvi.experiments.reproductions.agreement` holds the rule that compares
the two.  `bbvi.experiments.reproductions.catalogue.REPRODUCTIONS` lists all of them.
"""

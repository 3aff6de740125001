"""Colours of the devices in pictures, pages and viewers; told apart under every form of colour blindness.

Source: Okabe and Ito, Color Universal Design, 2008: blue and vermillion.
"""

# The GPU, then the PIM; white text has a contrast of 5.2 and 3.9 on them.
DEVICE_COLOURS = ("#0072B2", "#D55E00")

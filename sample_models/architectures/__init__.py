"""The networks behind the sample models, written out or built from random weights; nothing is downloaded."""

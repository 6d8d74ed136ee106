"""Every Keras class of deepcli's own: layers, recurrent loops, regularizers, learning rate, metrics, losses."""

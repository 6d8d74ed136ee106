"""Predict an array of images as a Keras user would: load the model, call `predict`, write the classes to a file.

Usage: python mnist_predict.py MODEL.keras IMAGES.npy CLASSES.csv
"""

import sys

import keras
import numpy as np

import deepcli.layers  # noqa: F401 - the model has deepcli's own layers

model = keras.saving.load_model(sys.argv[1])
outputs = model.predict(np.load(sys.argv[2]), batch_size=256, verbose=0)
np.savetxt(sys.argv[3], np.stack([outputs.argmax(axis=1), outputs.max(axis=1)], axis=1), "%d,%.6f")

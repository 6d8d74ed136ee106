from typing import Literal

from deepcli.callbacks import CALLBACKS, Callback


@CALLBACKS.register
class CountEpochs(Callback):
    """Write the number of epochs so far into a file."""

    type: Literal["count_epochs"] = "count_epochs"
    path_fields = ("file",)
    file: str = "epochs.txt"

    def build(self):
        from pathlib import Path

        import keras

        class Counter(keras.callbacks.Callback):
            epochs = 0

            def on_epoch_end(self, epoch, logs=None):
                self.epochs += 1
                file.write_text(str(self.epochs), encoding="utf-8")

            def state_dict(self):
                return {"epochs": self.epochs}

            def load_state_dict(self, state):
                self.epochs = state["epochs"]

        file = Path(self.file)
        return Counter()

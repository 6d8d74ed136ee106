"""A sweep's points and trials in Optuna's storage."""

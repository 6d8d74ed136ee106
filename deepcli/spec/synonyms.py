"""What PyTorch, Keras, Hugging Face, Lightning, scikit-learn and the literature call the things that a spec can name.

A synonym is only ever a pointer in an error: nothing is renamed in silence. Spelling is compared without case, dashes and
underscores, so `lr_scheduler` stands for `lrScheduler` too.
"""

from __future__ import annotations

from functools import cache

SYNONYMS: dict[str, str] = {
    # Sections
    "data": "dataset datamodule train_dataset dataloader input_data",
    "model": "network net arch architecture backbone estimator",
    "loss": "criterion loss_fn loss_function objective",
    "metrics": "metric scoring compute_metrics eval_metrics",
    "optimizer": "optim opt solver optimiser",
    "schedule": "scheduler lr_scheduler lr_scheduler_type lr_schedule learning_rate_schedule lr_decay annealing",
    "training": "train trainer training_args fit hyperparameters hparams",
    "task": "problem problem_type task_type",
    "name": "run_name experiment experiment_name title",
    "seed": "random_state random_seed manual_seed seed_everything rng seed_value",
    # Fields of `data`
    "batch_size": "bs bsz batch batches batchsz minibatch mini_batch_size train_batch_size per_device_train_batch_size",
    "path": "file filename data_dir data_path dataset_path root folder csv dir",
    "limit": "num_samples n_samples max_samples max_train_samples subset limit_train_batches nrows",
    "validation_split": "val_split validation val val_size valid_split validation_fraction test_size dev_split valid_pct",
    "split": "splits val_split validation_split val_size test_size train_test_split validation_fraction",
    "split_seed": "seed random_state shuffle_seed",
    "target": "label labels label_column target_column y y_col label_names class_column",
    "delimiter": "sep separator",
    "maxlen": "max_length seq_len sequence_length max_seq_length max_seq_len output_sequence_length",
    "num_words": "vocab_size vocabulary_size max_tokens max_features vocab vocabulary",
    "size": "image_size img_size input_shape resolution target_size",
    "augmentation": "augment augmentations transform transforms data_augmentation",
    "flip": "horizontal_flip hflip random_flip random_horizontal_flip mirror",
    "rotation": "rotate random_rotation rotation_range degrees",
    "translation": "shift random_translation translate width_shift_range height_shift_range",
    "zoom": "scale random_zoom zoom_range",
    "erasing": "cutout random_erasing",
    # Fields of `model`
    "hidden_units": "hidden hidden_size hidden_sizes hidden_dim hidden_dims hidden_layers hidden_layer_sizes units layers "
    "layer_sizes n_hidden dense_units width neurons mlp_dims num_units",
    "units": "hidden hidden_size hidden_dim hidden_units rnn_units n_units neurons rnn_hidden_size num_units",
    "hidden_dim": "d_model hidden hidden_size dim embed_dim model_dim n_embd width",
    "intermediate_dim": "dim_feedforward ff_dim ffn_dim intermediate_size d_ff mlp_dim",
    "num_heads": "heads nhead n_heads attention_heads num_attention_heads",
    "num_layers": "layers n_layers n_layer depth num_blocks num_hidden_layers blocks",
    "embedding_dim": "embedding embed_dim embedding_size embed_size emb_dim output_dim",
    "filters": "channels out_channels num_filters n_filters conv_filters conv_channels features",
    "kernel_size": "kernel kernels ksize filter_size kernel_shape",
    "strides": "stride",
    "pool_size": "pool pooling_size",
    "activation": "activations act act_fn nonlinearity hidden_act activation_function activation_fn",
    "kernel_initializer": "init initializer weight_init kernel_init initialization weights_init",
    "regularization": "regularizer regularizers regularisation",
    "normalization": "norm batchnorm bn use_bn batch_normalization layer_norm layer_normalization norm_layer",
    "dropout": "dropout_rate drop drop_rate drop_prob p dropout_prob hidden_dropout_prob dropout_p resid_pdrop rate",
    "dropconnect": "drop_connect_rate",
    "l2": "kernel_regularizer l2_reg l2_penalty weight_penalty reg reg_lambda l2_lambda kernel_l2",
    "l1": "l1_reg l1_penalty l1_lambda",
    "bidirectional": "bi birnn bilstm",
    "patch_size": "patch patches",
    # Fields of `optimizer`, `schedule` and `loss`
    "learning_rate": "lr eta base_lr initial_lr init_lr lr_init learning_rate_init lrate step_length max_lr peak_lr",
    "weight_decay": "wd decay l2 weight_decay_rate",
    "momentum": "mom mu",
    "beta_1": "betas b1 adam_beta1",
    "beta_2": "b2 adam_beta2",
    "epsilon": "eps adam_epsilon",
    "rho": "alpha smoothing_constant decay_factor",
    "nesterov": "nesterovs_momentum use_nesterov",
    "global_clipnorm": "grad_clip gradient_clip gradient_clipping clip_grad clip_grad_norm max_grad_norm "
    "gradient_clip_val clip_norm clipping max_norm",
    "gradient_accumulation_steps": "accumulate_grad_batches grad_accum accumulation_steps gradient_accumulation iter_size",
    "use_ema": "ema averaging polyak swa exponential_moving_average",
    "ema_momentum": "ema_decay",
    "warmup": "warmup_steps warmup_ratio num_warmup_steps lr_warmup warmup_epochs",
    "decay_rate": "gamma decay factor lr_gamma",
    "decay_steps": "step_size lr_step_size t_max",
    "boundaries": "milestones",
    "alpha": "eta_min final_lr_fraction min_lr_ratio",
    "label_smoothing": "smoothing label_smoothing_factor",
    # Fields of `training`
    "epochs": "epoch n_epochs num_epochs nb_epoch max_epochs max_epoch num_train_epochs train_epochs n_epoch iterations "
    "max_iter",
    "max_steps": "steps total_steps num_steps train_steps max_train_steps training_steps",
    "early_stopping": "early_stop n_iter_no_change",
    "patience": "early_stopping_patience early_stopping_rounds n_iter_no_change patience_epochs",
    "min_delta": "tol tolerance early_stopping_threshold threshold",
    "monitor": "metric_for_best_model early_stopping_metric watch",
    "class_weight": "class_weights pos_weight sample_weight balanced",
    "checkpoint": "checkpoints checkpointing model_checkpoint save_checkpoint",
    "every_epochs": "save_every save_freq every_n_epochs checkpoint_interval",
    "every_steps": "save_steps every_n_train_steps",
    "keep": "save_total_limit save_top_k max_to_keep",
    "precision": "dtype amp fp16 bf16 mixed_precision use_amp half dtype_policy",
    "device": "gpu gpus devices accelerator cuda use_gpu use_cuda no_cuda",
    "jit_compile": "jit xla compile torch_compile use_xla",
    "threads": "n_jobs num_threads cpus",
    "initial_weights": "init_from checkpoint_path load_weights from_checkpoint init_weights warm_start weights_path",
    "trackers": "logger loggers report_to tracker log_to",
    "deterministic": "cudnn_deterministic reproducible full_determinism use_deterministic_algorithms",
    "type": "name kind class class_name",
    "weights": "pretrained pretrained_weights imagenet",
    "freeze": "frozen trainable freeze_backbone freeze_base",
    # Losses, metrics, activations, initializers
    "auto": "cross_entropy ce xent cross_entropy_loss nll nll_loss log_loss softmax_loss",
    "sparse_categorical_crossentropy": "cross_entropy ce xent cross_entropy_loss nll nll_loss softmax "
    "sparse_cross_entropy softmax_cross_entropy negative_log_likelihood scce",
    "binary_crossentropy": "bce bce_loss bce_with_logits bce_with_logits_loss cross_entropy logistic "
    "log_loss sigmoid_cross_entropy binary_logloss",
    "categorical_crossentropy": "cce soft_cross_entropy multiclass_log_loss",
    "categorical_focal_crossentropy": "focal focal_loss",
    "binary_focal_crossentropy": "focal focal_loss binary_focal",
    "mean_squared_error": "mse mse_loss l2 l2_loss squared_error square_loss least_squares neg_mean_squared_error",
    "mean_absolute_error": "mae l1 l1_loss absolute_error neg_mean_absolute_error mean_absolute_deviation",
    "root_mean_squared_error": "rmse mse neg_root_mean_squared_error",
    "huber": "smooth_l1 smooth_l1_loss huber_loss",
    "kl_divergence": "kl kld kl_div kl_div_loss kullback_leibler_divergence",
    "hinge": "svm hinge_loss margin multi_margin_loss",
    "accuracy": "acc accuracy_score top1 sparse_categorical_accuracy categorical_accuracy multiclass_accuracy",
    "binary_accuracy": "binary_acc bin_acc",
    "top_k_accuracy": "top5 topk sparse_top_k_categorical_accuracy top_k_categorical_accuracy top3",
    "auc": "roc roc_auc auroc roc_auc_score area_under_curve",
    "average_precision": "ap map auprc pr_auc average_precision_score",
    "f1_score": "f1 f1_macro f1_micro f_score f_measure",
    "recall": "sensitivity tpr recall_score",
    "r2_score": "r2 r_squared coefficient_of_determination",
    "r2": "r_squared r2_score",
    "silu": "swish",
    "hard_silu": "hard_swish",
    "leaky_relu": "lrelu leaky",
    "sigmoid": "logistic",
    "tanh": "hyperbolic_tangent",
    "linear": "identity none",
    "glorot_uniform": "xavier xavier_uniform glorot",
    "glorot_normal": "xavier_normal",
    "he_uniform": "kaiming_uniform",
    "he_normal": "kaiming kaiming_normal he msra",
    "random_normal": "normal gaussian",
    "random_uniform": "uniform",
    "zeros": "zero",
    # Optimizers and schedules
    "sgd": "sgd_momentum momentum nesterov gradient_descent stochastic_gradient_descent gd",
    "adam": "amsgrad",
    "adamw": "adamw_torch adamw_hf adam_with_weight_decay",
    "lamb": "lars",
    "cosine": "cosine_annealing cosine_annealing_lr cosine_decay cosine_annealing_warmup linear_warmup_cosine",
    "cosine_restarts": "cosine_annealing_warm_restarts cosine_with_restarts cosine_decay_restarts sgdr",
    "exponential": "exponential_lr exponential_decay exp",
    "step": "step_lr step_decay staircase",
    "piecewise_constant": "multi_step_lr multistep piecewise_constant_decay",
    "polynomial": "linear linear_decay polynomial_decay polynomial_lr linear_lr poly",
    "one_cycle": "one_cycle_lr 1cycle cyclical",
    "reduce_on_plateau": "plateau reduce_lr_on_plateau on_plateau",
    "inverse_time": "inverse_time_decay",
    "constant": "none fixed constant_lr",
    # Models, layers, data sets, formats, trackers
    "mlp": "dense fc ffn feedforward fully_connected perceptron dnn mlp_classifier logistic_regression linear",
    "cnn": "conv convnet conv2d conv1d convolutional lenet text_cnn",
    "transformer": "bert gpt vit attention encoder transformer_encoder",
    "rnn": "simple_rnn elman recurrent",
    "ngram": "fasttext bag_of_words bow tfidf naive_bayes",
    "application": "resnet resnet18 resnet34 resnet50 resnet101 vgg vgg16 vgg19 efficientnet mobilenet mobilenet_v2 densenet "
    "densenet121 inception xception convnext imagenet pretrained keras_applications transfer_learning timm",
    "sequential": "custom layers stack",
    "dense": "linear fc fully_connected",
    "conv2d": "conv convolution",
    "max_pooling2d": "max_pool max_pool2d max_pooling pool pooling",
    "average_pooling2d": "avg_pool avg_pool2d average_pooling average_pool",
    "global_average_pooling2d": "global_avg_pool gap global_average_pooling adaptive_avg_pool2d",
    "batch_normalization": "batchnorm bn batch_norm2d batch_norm1d",
    "layer_normalization": "layer_norm ln",
    "group_normalization": "group_norm",
    "cifar10": "cifar",
    "fashion_mnist": "fmnist fashion",
    "digits": "load_digits sklearn_digits",
    "table": "csv tabular excel parquet dataframe pandas",
    "shards": "tfrecord tfrecords array_record grain tfds tensorflow_datasets",
    "image_folder": "images pictures image_dataset_from_directory",
    "text_folder": "texts text_dataset_from_directory",
    "arrays": "numpy npz npy array hdf5",
    "tensorboard": "tb",
    "wandb": "weights_and_biases",
    "litert": "tflite tensorflow_lite",
    "savedmodel": "tf tensorflow",
    "keras": "h5 hdf5",
    # Values of fields with fixed choices
    "mixed_float16": "fp16 half amp mixed 16 16_mixed",
    "mixed_bfloat16": "bf16 bf16_mixed mixed",
    "float32": "fp32 full single 32 32_true",
    "horizontal_and_vertical": "both",
    "average": "avg mean",
    "max": "maximum",
    "gpu": "cuda cuda:0 nvidia mps rocm",
    "balanced": "auto inverse_frequency",
    "batch": "batchnorm bn use_bn batch_normalization",
    "layer": "layer_norm layer_normalization ln",
    "group": "group_norm group_normalization gn",
    # Commands and options
    "train": "fit run start learn",
    "evaluate": "eval test score",
    "predict": "infer inference classify",
    "runs": "run ls history experiments",
    "sweep": "tune search hpo optimize hyperparameters grid_search",
    "compare": "diff",
    "validate": "check lint verify",
    "init": "new create template starter",
    "show": "print cat",
    "export": "convert save",
    "list": "components",
    "output": "out output_dir out_dir save_dir save_to log_dir checkpoint_dir default_root_dir run_dir",
    "max_trials": "trials n_trials num_trials num_samples",
    "resume": "continue resume_from resume_from_checkpoint ckpt_path",
    "if_exists": "force overwrite exist_ok overwrite_output_dir",
    "verbose": "debug traceback v",
    "quiet": "silent",
    "set": "override",
    "data_dir": "data_root cache_dir",
}
"""By the name in deepcli: what others call it. A word may have several meanings; the first that fits a place is meant."""

OPTIONS = ("output", "resume", "if_exists", "verbose", "quiet", "data_dir", "offline")
"""Options of `deepcli train` that people look for in a spec."""

UNNEEDED = {
    "the number of classes follows from the data": "num_classes n_classes classes nb_classes num_labels out_features",
    "the shape of the inputs follows from the data": "input_shape input_size input_dim in_channels in_features",
    "the training split is shuffled in every epoch": "shuffle shuffle_data",
    "data are prefetched without a setting": "num_workers workers pin_memory prefetch dataloader_num_workers",
}
"""What other libraries have to be given, and why a spec has no field for it."""


UNCOMPARED = str.maketrans("", "", "-_. ")


def plain(word: str) -> str:
    """Return a word as it is compared: lower case, without dashes, underscores, dots and spaces."""
    return word.lower().translate(UNCOMPARED)


@cache
def _meanings() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, words in SYNONYMS.items():
        for word in dict.fromkeys(map(plain, words.split())):
            found[word] = (*found.get(word, ()), name)
    return found


def unneeded(word: str) -> str:
    """Say why a spec has no field for a word of others; an empty string if that is not known."""
    return next((why for why, words in UNNEEDED.items() if plain(word) in map(plain, words.split())), "")


def meanings(word: str) -> tuple[str, ...]:
    """List the names in deepcli that a word of others may stand for."""
    return _meanings().get(plain(word), ())

"""The heads by name: a new one is a module beside this one, and an entry here."""

from __future__ import annotations

from purchasing_power.model.heads.blend import Blend
from purchasing_power.model.heads.finetuned import Finetuned
from purchasing_power.model.heads.lightgbm import LightGBM
from purchasing_power.model.heads.logistic import Logistic
from purchasing_power.model.heads.mlp import Mlp
from purchasing_power.model.heads.rbf_svm import RbfSvm
from purchasing_power.model.heads.svm import Svm
from purchasing_power.model.heads.textcnn import TextCnn
from purchasing_power.model.params import Head

HEADS: dict[str, type[Head]] = {
    head.name: head for head in (Logistic, Svm, RbfSvm, LightGBM, Mlp, TextCnn, Finetuned, Blend)
}
# What a model has where nothing else is asked for, and what a study tries first.
DEFAULT = LightGBM

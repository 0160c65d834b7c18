#pragma once
// The two ways in which finetune trains.

#include "harness/data/labelled_items.h"
#include "harness/data/training_text.h"
#include "harness/model/model.h"
#include "harness/train/trainer.h"
#include "methods/finetune/settings.h"

namespace assay::finetune {

/// A classifier on items. The first of the order that the seed draws train, the last are held out.
TrainResult train_on_items(Model& model, const LabelledItems& items, const Settings& settings,
                           const TrainHooks& hooks);

/// A decoder on windows of a text, of which the last are held out.
TrainResult train_on_text(Model& model, const TrainingText& text, const Settings& settings,
                          const TrainHooks& hooks);

}  // namespace assay::finetune

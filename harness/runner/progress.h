#pragma once
// What a user sees on standard error while something runs.

#include <cstdint>
#include <string>

namespace assay {

/// On a terminal one live line at the bottom; elsewhere one line a step and no live line.
class Progress {
 public:
  virtual ~Progress() = default;
  /// A finished or started step; stays visible.
  virtual void step(const std::string& text) = 0;
  /// Replaces the live line.
  virtual void live(const std::string& text) = 0;
};

/// Writes to standard error.
class StderrProgress : public Progress {
 public:
  StderrProgress();
  ~StderrProgress() override;
  StderrProgress(const StderrProgress&) = delete;
  StderrProgress& operator=(const StderrProgress&) = delete;
  void step(const std::string& text) override;
  void live(const std::string& text) override;

 private:
  void clear();
  bool terminal_;
  bool dirty_ = false;
  double last_live_ = -1;
};

}  // namespace assay

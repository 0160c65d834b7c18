#pragma once
// What a user sees on standard error while something runs.

#include <cstddef>
#include <functional>
#include <string>

namespace assay {

/// On a terminal one live line at the bottom; elsewhere one line a step, and of the live line only
/// now and then how much is left.
class Progress {
 public:
  virtual ~Progress() = default;
  /// A finished or started step; stays visible.
  virtual void step(const std::string& text) = 0;
  /// How much, or how long, all of it still takes.
  using Left = std::function<std::string()>;
  /// Replaces the live line. What is left is asked for where the line is written, and stays whole
  /// where the line is too long.
  void live(const std::string& text, const Left& left) { show(text, left); }
  void live(const std::string& text, const std::string& left = "") {
    show(text, [&] { return left; });
  }

 private:
  virtual void show(const std::string& text, const Left& left) = 0;
};

/// Where StderrProgress writes to.
struct ProgressPlace {
  bool terminal = false;  ///< one that can rewrite a line
  std::function<std::size_t()> width;
  std::function<double()> now;  ///< monotonic seconds
  /// What standard error is.
  static ProgressPlace standard_error();
};

/// Writes to standard error.
class StderrProgress : public Progress {
 public:
  explicit StderrProgress(ProgressPlace place = ProgressPlace::standard_error());
  ~StderrProgress() override;
  StderrProgress(const StderrProgress&) = delete;
  StderrProgress& operator=(const StderrProgress&) = delete;
  void step(const std::string& text) override;

 private:
  void show(const std::string& text, const Left& left) override;
  void redraw(const std::string& text, const Left& left, double now);
  void say_now_and_then(const std::string& text, const Left& left, double now);
  void clear();
  ProgressPlace place_;
  bool dirty_ = false;
  bool fresh_ = true;  ///< since the last step nothing was drawn
  double last_live_;   ///< when a line was drawn; where there is no terminal, when it was said
};

}  // namespace assay

#include "methods/ria/assignment.h"

#include <algorithm>
#include <limits>

namespace assay {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kNone = -1;

/// Minimises cost = -gain with dual values u (rows) and v (columns): cost - u - v >= 0, and 0 on
/// the matched pairs.
class Assignment {
 public:
  Assignment(const std::vector<double>& gain, std::int64_t n)
      : gain_(gain),
        n_(n),
        u_(size(), 0),
        v_(size(), 0),
        column_of_(size(), kNone),
        row_of_(size(), kNone) {}

  std::vector<std::int64_t> solve() {
    start();
    for (std::int64_t row = 0; row < n_; ++row) {
      if (column_of_[index(row)] == kNone) augment(row);
    }
    return column_of_;
  }

 private:
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(n_); }
  static std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }
  [[nodiscard]] const double* row(std::int64_t r) const { return gain_.data() + r * n_; }

  /// Row duals that make every reduced cost >= 0, and the matches that are free of cost under
  /// them: a row's own column first, else the first free column.
  void start() {
    for (std::int64_t r = 0; r < n_; ++r) {
      u_[index(r)] = -*std::max_element(row(r), row(r) + n_);
      if (row(r)[r] == -u_[index(r)]) match(r, r);
    }
    for (std::int64_t r = 0; r < n_; ++r) {
      for (std::int64_t c = 0; c < n_ && column_of_[index(r)] == kNone; ++c) {
        if (row_of_[index(c)] == kNone && row(r)[c] == -u_[index(r)]) match(r, c);
      }
    }
  }

  void match(std::int64_t r, std::int64_t c) {
    column_of_[index(r)] = c;
    row_of_[index(c)] = r;
  }

  /// Dijkstra over columns from one free row, then flips the matches along the path.
  void augment(std::int64_t free_row) {
    std::vector<double> distance(size(), kInfinity);
    std::vector<std::int64_t> from(size(), free_row);
    std::vector<char> done(size(), 0);
    std::vector<std::int64_t> reached;
    std::int64_t r = free_row, sink = kNone;
    double shortest = 0;
    while (sink == kNone) {
      relax(r, shortest, done, distance, from);
      const std::int64_t c = nearest(done, distance);
      shortest = distance[index(c)];
      done[index(c)] = 1;
      reached.push_back(c);
      row_of_[index(c)] == kNone ? sink = c : r = row_of_[index(c)];
    }
    update_duals(free_row, shortest, reached, distance);
    for (std::int64_t c = sink;;) {
      const std::int64_t owner = from[index(c)];
      const std::int64_t previous = column_of_[index(owner)];
      match(owner, c);
      if (owner == free_row) return;
      c = previous;
    }
  }

  void relax(std::int64_t r, double shortest, const std::vector<char>& done,
             std::vector<double>& distance, std::vector<std::int64_t>& from) const {
    const double* gain = row(r);
    const double base = shortest - u_[index(r)];
    for (std::int64_t c = 0; c < n_; ++c) {
      const double reduced = base - gain[c] - v_[index(c)];
      if (done[index(c)] == 0 && reduced < distance[index(c)]) {
        distance[index(c)] = reduced;
        from[index(c)] = r;
      }
    }
  }

  /// The unfinished column with the smallest distance, a free one among equals.
  [[nodiscard]] std::int64_t nearest(const std::vector<char>& done,
                                     const std::vector<double>& distance) const {
    std::int64_t best = kNone;
    for (std::int64_t c = 0; c < n_; ++c) {
      if (done[index(c)] != 0) continue;
      if (best == kNone || distance[index(c)] < distance[index(best)] ||
          (distance[index(c)] == distance[index(best)] && row_of_[index(c)] == kNone &&
           row_of_[index(best)] != kNone)) {
        best = c;
      }
    }
    return best;
  }

  void update_duals(std::int64_t free_row, double shortest,
                    const std::vector<std::int64_t>& reached, const std::vector<double>& distance) {
    u_[index(free_row)] += shortest;
    for (const std::int64_t c : reached) {
      const double slack = shortest - distance[index(c)];
      v_[index(c)] -= slack;
      if (row_of_[index(c)] != kNone) u_[index(row_of_[index(c)])] += slack;
    }
  }

  const std::vector<double>& gain_;
  std::int64_t n_;
  std::vector<double> u_, v_;
  std::vector<std::int64_t> column_of_, row_of_;
};

}  // namespace

std::vector<std::int64_t> best_assignment(const std::vector<double>& gain, std::int64_t n) {
  return Assignment(gain, n).solve();
}

}  // namespace assay

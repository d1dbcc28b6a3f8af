// Trace emitter — a tiny replica whose worker threads tell what they write, for `replicheck trace check`.
//
//   c++ -std=c++17 -pthread -o trace_emitter trace_emitter.cpp
//   ./trace_emitter          | replicheck trace check --complete -     ✓
//   ./trace_emitter key_hash | replicheck trace check --complete -     ✗
//
// All that a replica has to add is in Replica::write: a tick before the write, a tick after it, and a line. By default
// an entry waits for the entries before it that it conflicts with. With key_hash its worker is chosen by the hash of its key,
// FLUSHDB goes to any worker, and nothing waits: the bug of Pika before #2808. There the write before each FLUSHDB does not
// finish before FLUSHDB has begun, so in every run the two overlap, or FLUSHDB overtakes.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

constexpr size_t workers = 3;
constexpr size_t entries = 300;

// An entry of the log; the first one has LSN 1. No key: FLUSHDB.
struct Entry {
  std::optional<std::string> key;
  size_t value;

  bool conflicts_with(const Entry& other) const { return !key || !other.key || *key == *other.key; }
};

enum class State { Waits, Taken, Begun, Done };

class Replica {
 public:
  Replica(std::vector<Entry> entries, bool key_hash)
      : log(std::move(entries)), by_key_hash(key_hash), states(log.size(), State::Waits) {}

  void run_worker(size_t worker) {
    while (std::optional<size_t> at = take(worker)) write(*at);
  }

 private:
  // The worker of the entry, under key_hash. FLUSHDB goes to the worker after the one of the write before it.
  size_t worker_of(size_t at) const {
    if (!log[at].key) return (worker_of(at - 1) + 1) % workers;
    size_t sum = 0;
    for (unsigned char byte : *log[at].key) sum += byte;
    return sum % workers;
  }

  bool may_start(size_t at) const {
    if (by_key_hash) return true;
    for (size_t before = 0; before < at; before++)
      if (states[before] != State::Done && log[before].conflicts_with(log[at])) return false;
    return true;
  }

  // Waits until the worker may start an entry. Nothing: there is nothing left for it.
  std::optional<size_t> take(size_t worker) {
    std::unique_lock<std::mutex> lock(mutex);
    for (;;) {
      bool is_left = false;
      for (size_t at = 0; at < log.size(); at++) {
        if (states[at] != State::Waits || (by_key_hash && worker_of(at) != worker)) continue;
        is_left = true;
        if (!may_start(at)) continue;
        states[at] = State::Taken;
        return at;
      }
      if (!is_left) return std::nullopt;
      changed.wait(lock);
    }
  }

  void enter(size_t at, State state) {
    std::lock_guard<std::mutex> lock(mutex);
    states[at] = state;
    changed.notify_all();
  }

  // Writes an entry, and tells it.
  void write(size_t at) {
    const uint64_t start = ticks.fetch_add(1);  // After the strategy let it start, before the write.
    enter(at, State::Begun);
    {
      std::lock_guard<std::mutex> lock(store_mutex);
      if (log[at].key)
        store[*log[at].key] = log[at].value;
      else
        store.clear();
    }
    hold_before_flushdb(at);
    const uint64_t finish = ticks.fetch_add(1);  // After the write, before others learn that it is done.
    // These keys need no escapes; a key that is not UTF-8 is written as {"hex":"ff"}.
    const std::string keys = log[at].key ? "[\"" + *log[at].key + "\"]" : "\"everything\"";
    {
      std::lock_guard<std::mutex> lock(out_mutex);
      std::cout << "{\"version\":1,\"lsns\":[" << at + 1 << "],\"keys\":" << keys << ",\"start\":" << start
                << ",\"finish\":" << finish << "}\n";
    }
    enter(at, State::Done);
  }

  // The fault, made certain: the write before FLUSHDB is slow.
  void hold_before_flushdb(size_t at) {
    if (!by_key_hash || at + 1 == log.size() || log[at + 1].key) return;
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return states[at + 1] == State::Begun || states[at + 1] == State::Done; });
  }

  const std::vector<Entry> log;
  const bool by_key_hash;
  std::vector<State> states;
  std::mutex mutex, store_mutex, out_mutex;
  std::condition_variable changed;
  std::map<std::string, size_t> store;
  std::atomic<uint64_t> ticks{0};
};

int main(int argc, char** argv) {
  std::vector<Entry> log;
  for (size_t at = 0; at < entries; at++) {
    if (at % 50 == 49)
      log.push_back({std::nullopt, 0});
    else
      log.push_back({"k" + std::to_string(at * 7 % 11), at});
  }
  Replica replica(std::move(log), argc > 1 && std::string(argv[1]) == "key_hash");
  std::vector<std::thread> threads;
  for (size_t worker = 0; worker < workers; worker++) threads.emplace_back(&Replica::run_worker, &replica, worker);
  for (std::thread& thread : threads) thread.join();
}

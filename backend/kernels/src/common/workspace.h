// Working memory that a call borrows and hands back for the next one: fresh pages from the system cost more than the
// work done in them. Calls at the same time have each their own, so that none waits for another.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace talker {

// A Memory (a struct of Buffers) for as long as this lives. Throws std::bad_alloc.
template <class Memory>
class Borrowed {
  public:
    Borrowed() : memory_(store().take()) {}
    ~Borrowed() { store().give_back(std::move(memory_)); }
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;
    Memory* operator->() const { return memory_.get(); }

  private:
    class Store {
      public:
        Store() { idle_.reserve(kMostIdle); }

        std::unique_ptr<Memory> take() {
            std::lock_guard<std::mutex> lock(mutex_);
            if (idle_.empty()) return std::make_unique<Memory>();
            std::unique_ptr<Memory> memory = std::move(idle_.back());
            idle_.pop_back();
            return memory;
        }

        void give_back(std::unique_ptr<Memory> memory) {
            std::lock_guard<std::mutex> lock(mutex_);
            if (idle_.size() < kMostIdle) idle_.push_back(std::move(memory));
        }

      private:
        static constexpr size_t kMostIdle = 4;
        std::mutex mutex_;
        std::vector<std::unique_ptr<Memory>> idle_;
    };

    static Store& store() {
        static Store* kept = new Store;  // never destroyed: a thread of Python's may still be at work at the end
        return *kept;
    }

    std::unique_ptr<Memory> memory_;
};

}  // namespace talker

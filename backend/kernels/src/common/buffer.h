// Memory that is kept from one call to the next: fresh pages from the system cost more than the work done in them.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>

namespace talker {

// An uninitialised array that only grows. Throws std::bad_alloc.
template <class T>
class Buffer {
  public:
    Buffer() = default;
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() { release(); }

    T* resize(int64_t count) {
        if (count > capacity_) {
            release();
            int64_t capacity = count + count / 4;
            data_ = static_cast<T*>(::operator new(capacity * sizeof(T), std::align_val_t(64)));
            capacity_ = capacity;
        }
        return data_;
    }
    T* data() const { return data_; }
    T& operator[](int64_t i) const { return data_[i]; }
    int64_t bytes() const { return capacity_ * static_cast<int64_t>(sizeof(T)); }

  private:
    void release() {
        if (data_) ::operator delete(data_, std::align_val_t(64));
        data_ = nullptr, capacity_ = 0;
    }

    T* data_ = nullptr;
    int64_t capacity_ = 0;
};

}  // namespace talker

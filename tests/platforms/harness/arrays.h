// Named arrays in a file: what the harness takes from the test and gives back to it. platform_arrays.py is the other side.
//
// A file is a row of arrays: int32 length of the name, the name, int32 type (numpy's letter for it), int64 number of
// elements, the elements. Little-endian, as every platform of the project is.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

// Ends the process with a line that says what went wrong.
[[noreturn]] void fail(const std::string& why);

template <class T>
struct TypeLetter;
template <> struct TypeLetter<float> { static constexpr char value = 'f'; };
template <> struct TypeLetter<double> { static constexpr char value = 'd'; };
template <> struct TypeLetter<int32_t> { static constexpr char value = 'i'; };
template <> struct TypeLetter<int64_t> { static constexpr char value = 'q'; };
template <> struct TypeLetter<uint16_t> { static constexpr char value = 'H'; };
template <> struct TypeLetter<uint8_t> { static constexpr char value = 'B'; };

class Arrays {
  public:
    void read(const char* path);
    void write(const char* path) const;

    template <class T>
    const T* get(const std::string& name) const {
        return reinterpret_cast<const T*>(find(name, TypeLetter<T>::value).bytes.data());
    }
    const float* floats(const std::string& name) const { return get<float>(name); }
    const int64_t* numbers(const std::string& name) const { return get<int64_t>(name); }

    // A new array of `count` elements, whose every bit is set: as floats they are no numbers until they are written.
    template <class T>
    T* put(const std::string& name, int64_t count) {
        Array& array = arrays_[name];
        array = {TypeLetter<T>::value, count, std::vector<unsigned char>(static_cast<size_t>(count) * sizeof(T), 0xff)};
        return reinterpret_cast<T*>(array.bytes.data());
    }
    float* put_floats(const std::string& name, int64_t count) { return put<float>(name, count); }

  private:
    struct Array {
        char type = 0;
        int64_t count = 0;
        std::vector<unsigned char> bytes;
    };
    const Array& find(const std::string& name, char type) const;

    std::map<std::string, Array> arrays_;
};

#include "arrays.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

int64_t size_of(char type) {
    switch (type) {
        case 'f': return sizeof(float);
        case 'd': return sizeof(double);
        case 'i': return sizeof(int32_t);
        case 'q': return sizeof(int64_t);
        case 'H': return sizeof(uint16_t);
        case 'B': return sizeof(uint8_t);
        default: fail(std::string("there is no type ") + type);
    }
}

void take(std::FILE* file, void* to, size_t bytes) {
    if (bytes && std::fread(to, 1, bytes, file) != bytes) fail("the input breaks off");
}

void give(std::FILE* file, const void* from, size_t bytes) {
    if (bytes && std::fwrite(from, 1, bytes, file) != bytes) fail("the output cannot be written");
}

}  // namespace

void fail(const std::string& why) {
    std::fprintf(stderr, "harness: %s\n", why.c_str());
    std::exit(1);
}

void Arrays::read(const char* path) {
    std::FILE* file = std::fopen(path, "rb");
    if (!file) fail(std::string("cannot open ") + path);
    for (int32_t length; std::fread(&length, sizeof length, 1, file) == 1;) {
        std::string name(static_cast<size_t>(length), ' ');
        int32_t type;
        Array array;
        take(file, &name[0], name.size());
        take(file, &type, sizeof type);
        take(file, &array.count, sizeof array.count);
        array.type = static_cast<char>(type);
        array.bytes.resize(static_cast<size_t>(array.count * size_of(array.type)));
        take(file, array.bytes.data(), array.bytes.size());
        arrays_[name] = array;
    }
    std::fclose(file);
}

void Arrays::write(const char* path) const {
    std::FILE* file = std::fopen(path, "wb");
    if (!file) fail(std::string("cannot open ") + path);
    for (const auto& [name, array] : arrays_) {
        int32_t length = static_cast<int32_t>(name.size()), type = array.type;
        give(file, &length, sizeof length);
        give(file, name.data(), name.size());
        give(file, &type, sizeof type);
        give(file, &array.count, sizeof array.count);
        give(file, array.bytes.data(), array.bytes.size());
    }
    if (std::fclose(file)) fail("the output cannot be written");
}

const Arrays::Array& Arrays::find(const std::string& name, char type) const {
    auto found = arrays_.find(name);
    if (found == arrays_.end()) fail("there is no input " + name);
    if (found->second.type != type) fail("the input " + name + " is of another type");
    return found->second;
}

// Nothing may be thrown across the C interface.
#pragma once

#include <new>
#include <system_error>

#include "api.h"

namespace talker {

template <class Function>
int guarded(Function&& function) {
    try {
        return function();
    } catch (const std::bad_alloc&) {
        return TALKER_NO_MEMORY;
    } catch (const std::system_error&) {
        return TALKER_NO_THREADS;
    }
}

}  // namespace talker

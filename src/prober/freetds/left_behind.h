// Calls of libraries that have no deadline: name lookups, and Kerberos, which asks name servers and key distribution
// centres. Each runs in a thread of its own, which is left behind when it does not come back in time.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "prober/deadline.h"

namespace vitals::prober {

class LeftBehind {
  public:
    enum class End { done, late, no_place };

    template <typename Result>
    struct Outcome {
        End end = End::done;
        std::optional<Result> result;  // if done
    };

    // At most so many calls run at the same time, those left behind included; others wait for one to end.
    explicit LeftBehind(int places) : places_(std::make_shared<Places>(places)) {}

    // The call must own or share everything that it uses: it may outlive the caller. A result that comes too late is
    // destroyed in its thread.
    template <typename Result, typename Call>
    Outcome<Result> run(Call call, const Deadline& deadline) const;

  private:
    class Places {
      public:
        explicit Places(int free) : free_(free) {}
        [[nodiscard]] bool take(const Deadline& deadline) {
            std::unique_lock lock(mutex_);
            if (!changed_.wait_until(lock, deadline.at(), [this] { return free_ > 0; })) return false;
            --free_;
            return true;
        }
        void give_back() {
            const std::lock_guard lock(mutex_);
            ++free_;
            changed_.notify_one();
        }

      private:
        std::mutex mutex_;
        std::condition_variable changed_;
        int free_;
    };

    std::shared_ptr<Places> places_;
};

template <typename Result, typename Call>
LeftBehind::Outcome<Result> LeftBehind::run(Call call, const Deadline& deadline) const {
    // Whoever is left last frees it.
    struct Meeting {
        std::mutex mutex;
        std::condition_variable done;
        std::optional<Result> result;
    };
    if (!places_->take(deadline)) return {End::no_place, std::nullopt};
    const auto meeting = std::make_shared<Meeting>();
    try {
        std::thread([meeting, places = places_, call = std::move(call)]() mutable {
            Result result = call();
            places->give_back();
            const std::lock_guard lock(meeting->mutex);
            meeting->result.emplace(std::move(result));
            meeting->done.notify_one();
        }).detach();
    } catch (const std::system_error&) {
        places_->give_back();
        return {End::no_place, std::nullopt};
    }
    std::unique_lock lock(meeting->mutex);
    if (!meeting->done.wait_until(lock, deadline.at(), [&] { return meeting->result.has_value(); }))
        return {End::late, std::nullopt};
    return {End::done, std::move(meeting->result)};
}

}  // namespace vitals::prober

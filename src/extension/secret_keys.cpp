#include "extension/secret_keys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "extension/installation.h"
#include "extension/shared_memory.h"

namespace vitals::ext {

namespace {

struct SharedKey {
    bool published;
    unsigned char public_key[crypto_box_PUBLICKEYBYTES];
};

SharedKey* shared = nullptr;

std::string failure(const char* what, const char* path) {
    return std::string(what) + " \"" + path + "\": " + strerror(errno);
}

class File {
  public:
    File(const char* path, int flags, mode_t mode) : fd_(::open(path, flags | O_CLOEXEC | O_NOFOLLOW, mode)) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int fd() const noexcept { return fd_; }

  private:
    int fd_;
};

// Written aside and linked into place: of two collectors that start together one wins, and none ever reads half a key.
void create_key_file(const char* path) {
    const std::string temporary = std::string(path) + "." + std::to_string(getpid());
    unlink(temporary.c_str());
    std::array<unsigned char, crypto_box_SECRETKEYBYTES> key{};
    randombytes_buf(key.data(), key.size());
    {
        const File file(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
        const bool written = file.fd() >= 0 &&
                             write(file.fd(), key.data(), key.size()) == static_cast<ssize_t>(key.size()) &&
                             fsync(file.fd()) == 0;
        sodium_memzero(key.data(), key.size());
        if (!written) throw std::runtime_error(failure("could not write key file", temporary.c_str()));
    }
    const bool linked = link(temporary.c_str(), path) == 0 || errno == EEXIST;
    const int error = errno;
    unlink(temporary.c_str());
    errno = error;
    if (!linked) throw std::runtime_error(failure("could not create key file", path));
    // What is sealed from now on must be opened after a crash of the machine, too.
    const auto slash = std::string_view(path).rfind('/');
    const std::string directory(slash == std::string_view::npos ? "." : std::string_view(path).substr(0, slash + 1));
    const File entry(directory.c_str(), O_RDONLY | O_DIRECTORY, 0);
    if (entry.fd() < 0 || fsync(entry.fd()) != 0) {
        throw std::runtime_error(failure("could not sync directory", directory.c_str()));
    }
}

void read_key_file(const char* path, unsigned char* key) {
    const File file(path, O_RDONLY, 0);
    if (file.fd() < 0) throw std::runtime_error(failure("could not open key file", path));
    struct stat status {};
    if (fstat(file.fd(), &status) != 0) throw std::runtime_error(failure("could not stat key file", path));
    if (!S_ISREG(status.st_mode) || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        throw std::runtime_error(std::string("key file \"") + path + "\" must be a file of mode 0600");
    }
    if (status.st_size != crypto_box_SECRETKEYBYTES ||
        read(file.fd(), key, crypto_box_SECRETKEYBYTES) != crypto_box_SECRETKEYBYTES) {
        throw std::runtime_error(std::string("key file \"") + path + "\" does not hold a key");
    }
}

void wait_for_public_key(unsigned char* public_key) {
    require_collector_possible();
    // A collector publishes the key within a moment of its start; CREATE EXTENSION and the first add_server may well be
    // faster than that.
    const TimestampTz give_up = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), 5000);
    for (bool first = true;; first = false) {
        {
            const SharedLockGuard guard(SharedArea::secret_keys, LW_SHARED);
            if (shared->published) {
                std::memcpy(public_key, shared->public_key, crypto_box_PUBLICKEYBYTES);
                return;
            }
        }
        if (first) require_enabled();
        if (GetCurrentTimestamp() >= give_up) {
            ereport(ERROR,
                    (errcode(MAKE_SQLSTATE('P', 'T', '5', '0', '3')), errmsg("no key to encrypt the password with"),
                     errdetail("The first collector that starts makes the key, and none has started yet."),
                     errhint("See vitals.worker_status and the server's log.")));
        }
        WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 20, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
}

}  // namespace

SecretKeys::SecretKeys(const char* path) : private_key_(nullptr) {
    if (sodium_init() < 0) throw std::runtime_error("could not initialise libsodium");
    private_key_ = static_cast<unsigned char*>(sodium_malloc(crypto_box_SECRETKEYBYTES));
    if (private_key_ == nullptr) throw std::bad_alloc();
    try {
        if (access(path, F_OK) != 0) create_key_file(path);
        read_key_file(path, private_key_);
    } catch (...) {
        sodium_free(private_key_);
        throw;
    }
    crypto_scalarmult_base(public_key_.data(), private_key_);
    const SharedLockGuard guard(SharedArea::secret_keys, LW_EXCLUSIVE);
    std::memcpy(shared->public_key, public_key_.data(), public_key_.size());
    shared->published = true;
}

SecretKeys::~SecretKeys() {
    sodium_free(private_key_);
}

core::Secret SecretKeys::open(const std::string& sealed, std::string_view owner) const {
    const auto refused =
        std::runtime_error("the stored password cannot be opened: it was given for another server, host or key");
    if (sealed.size() < crypto_box_SEALBYTES + owner.size()) throw refused;
    std::string opened(sealed.size() - crypto_box_SEALBYTES, '\0');
    const int outcome = crypto_box_seal_open(reinterpret_cast<unsigned char*>(opened.data()),
                                             reinterpret_cast<const unsigned char*>(sealed.data()), sealed.size(),
                                             public_key_.data(), private_key_);
    if (outcome != 0 || std::string_view(opened).substr(0, owner.size()) != owner) {
        core::wipe_text(opened);
        throw refused;
    }
    core::Secret secret(std::string_view(opened).substr(owner.size()));
    core::wipe_text(opened);
    return secret;
}

bytea* seal_secret(const char* owner, const text* secret) {
    const std::size_t owner_bytes = strlen(owner);
    const std::size_t secret_bytes = VARSIZE_ANY_EXHDR(secret);
    if (secret_bytes > most_secret_bytes) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("password must not be longer than %zu bytes", most_secret_bytes)));
    }
    unsigned char public_key[crypto_box_PUBLICKEYBYTES];
    wait_for_public_key(public_key);
    if (sodium_init() < 0) ereport(ERROR, (errmsg("could not initialise libsodium")));

    const std::size_t clear_bytes = owner_bytes + secret_bytes;
    auto* clear = static_cast<unsigned char*>(palloc(clear_bytes));
    std::memcpy(clear, owner, owner_bytes);
    std::memcpy(clear + owner_bytes, VARDATA_ANY(secret), secret_bytes);
    const std::size_t sealed_bytes = VARHDRSZ + crypto_box_SEALBYTES + clear_bytes;
    auto* sealed = static_cast<bytea*>(palloc(sealed_bytes));
    SET_VARSIZE(sealed, sealed_bytes);
    crypto_box_seal(reinterpret_cast<unsigned char*>(VARDATA(sealed)), clear, clear_bytes, public_key);
    sodium_memzero(clear, clear_bytes);
    return sealed;
}

Size secret_keys_size() {
    return sizeof(SharedKey);
}

void secret_keys_init(void* memory, bool found) {
    shared = static_cast<SharedKey*>(memory);
    if (!found) std::memset(shared, 0, sizeof(SharedKey));
}

}  // namespace vitals::ext

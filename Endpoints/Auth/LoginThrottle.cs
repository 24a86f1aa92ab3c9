using System.Security.Cryptography;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Secrets;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Slows down guessing without locking anybody out. Every attempt takes from the address's bucket and from the one of name and
/// address; a right password gives both back. After five wrong ones for a name from an address the pause doubles up to a minute.
/// A name that is tried from everywhere gets slower for all, but a browser that has signed in before has a bucket of its own.
/// </summary>
internal sealed class LoginThrottle(SecretCipher cipher, TimeProvider clock)
{
    private const int AddressBurst = 10;
    private const int NameAtAddressFree = 5;
    private const int NamePerHour = 50;
    private const int DeviceBurst = 10;
    private const int RegistrationsPerHour = 5;
    private const int MaxKeys = 50_000;

    private static readonly TimeSpan AddressRefill = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(60);

    /// <summary>What an attempt on a name under attack waits before its hash; twenty a minute from one connection are no use to anybody.</summary>
    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(3);

    private readonly TokenBuckets<string> _addresses = new(clock, MaxKeys);
    private readonly TokenBuckets<string> _names = new(clock, MaxKeys);
    private readonly TokenBuckets<string> _devices = new(clock, MaxKeys);
    private readonly TokenBuckets<string> _registrations = new(clock, MaxKeys);
    private readonly Dictionary<(string Name, string Address), Failures> _failures = [];
    private readonly Lock _gate = new();

    /// <summary>Before the hash. The attempt holds what to tell afterwards.</summary>
    public LoginAttempt Begin(HttpContext context, string usernameKey)
    {
        var address = context.Caller().Bucket;
        if (DeviceOf(context, usernameKey) is { } device)
        {
            return new LoginAttempt(usernameKey, address, device, _devices.Take(device, DeviceBurst, AddressRefill), TimeSpan.Zero);
        }

        var wait = PauseLeft(usernameKey, address);
        if (wait == TimeSpan.Zero)
        {
            wait = _addresses.Take(address, AddressBurst, AddressRefill);
        }

        var delay = wait == TimeSpan.Zero && _names.Take(usernameKey, NamePerHour, TimeSpan.FromHours(1) / NamePerHour) > TimeSpan.Zero ? Delay : TimeSpan.Zero;
        return new LoginAttempt(usernameKey, address, null, wait, delay);
    }

    /// <returns>How many wrong ones in a row this is, for the audit.</returns>
    public int Failed(LoginAttempt attempt)
    {
        lock (_gate)
        {
            if (_failures.Count >= MaxKeys)
            {
                MakeRoom();
            }

            var key = (attempt.UsernameKey, attempt.Address);
            var count = (_failures.TryGetValue(key, out var before) ? before.Count : 0) + 1;
            _failures[key] = new Failures(count, clock.GetTimestamp());
            return count;
        }
    }

    /// <summary>The password was right (or nobody looked at it): the attempt does not count.</summary>
    public void Forgive(LoginAttempt attempt)
    {
        if (attempt.Device is { } device)
        {
            _devices.Return(device);
            return;
        }

        _addresses.Return(attempt.Address);
        _names.Return(attempt.UsernameKey);
    }

    /// <summary>The name's owner is here: earlier mistakes at this address are forgotten, and the browser is remembered.</summary>
    public void Succeeded(HttpContext context, LoginAttempt attempt, bool remember)
    {
        Forgive(attempt);
        lock (_gate)
        {
            _failures.Remove((attempt.UsernameKey, attempt.Address));
        }

        if (remember && attempt.Device is null)
        {
            var id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
            Cookies.SetDevice(context, $"{id}.{cipher.Sign(SecretPurpose.DeviceCookie, $"{id}|{attempt.UsernameKey}")}");
        }
    }

    /// <summary>Whether this address may register once more; zero, or how long it waits.</summary>
    public TimeSpan Register(Caller caller) =>
        _registrations.Take(caller.Bucket, RegistrationsPerHour, TimeSpan.FromHours(1) / RegistrationsPerHour);

    private string? DeviceOf(HttpContext context, string usernameKey) =>
        Cookies.Device(context.Request) is { } cookie && cookie.Split('.') is [{ Length: 32 } id, var signature]
            && cipher.Verify(SecretPurpose.DeviceCookie, $"{id}|{usernameKey}", signature)
            ? id
            : null;

    private TimeSpan PauseLeft(string name, string address)
    {
        lock (_gate)
        {
            if (!_failures.TryGetValue((name, address), out var failures))
            {
                return TimeSpan.Zero;
            }

            var left = Pause(failures.Count) - clock.GetElapsedTime(failures.LastAt);
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }

    private static TimeSpan Pause(int failures) => failures < NameAtAddressFree
        ? TimeSpan.Zero
        : TimeSpan.FromSeconds(Math.Min(MaxPause.TotalSeconds, Math.Pow(2, Math.Min(failures - NameAtAddressFree + 1, 10))));

    /// <summary>Those that wait no more go first, then everything: the buckets above still hold.</summary>
    private void MakeRoom()
    {
        foreach (var key in _failures.Where(entry => clock.GetElapsedTime(entry.Value.LastAt) > MaxPause).Select(entry => entry.Key).ToList())
        {
            _failures.Remove(key);
        }

        if (_failures.Count >= MaxKeys)
        {
            _failures.Clear();
        }
    }

    private readonly record struct Failures(int Count, long LastAt);
}

/// <summary>One try to sign in: refused for <see cref="Wait"/>, or allowed after <see cref="Delay"/>.</summary>
internal sealed record LoginAttempt(string UsernameKey, string Address, string? Device, TimeSpan Wait, TimeSpan Delay);

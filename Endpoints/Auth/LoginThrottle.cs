using System.Security.Cryptography;
using AiChat.Data;
using AiChat.Data.Nodes;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Secrets;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Slows down guessing without locking anybody out. Every attempt takes from the bucket of the address and from that of the name; a right
/// password returns both. After five failures for a name from one address the pause doubles up to a minute. A name that is tried from
/// many addresses becomes slower for all, but a browser that has signed in before has a bucket of its own. Several processes on one
/// database count together.
/// </summary>
internal sealed class LoginThrottle(SecretCipher cipher, NodeStore nodes, TimeProvider clock)
{
    private const string FailureName = "login failures";

    private const int AddressBurst = 10;
    private const int NameAtAddressFree = 5;
    private const int NamePerHour = 50;
    private const int DeviceBurst = 10;
    private const int RegistrationsPerHour = 5;
    private const int MaxKeys = 50_000;

    private static readonly TimeSpan AddressRefill = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(60);

    /// <summary>The wait before the hash for a name under attack. It leaves twenty attempts a minute on one connection.</summary>
    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(3);

    private readonly SharedBuckets _addresses = new("login address", nodes, clock, MaxKeys);
    private readonly SharedBuckets _names = new("login name", nodes, clock, MaxKeys);
    private readonly SharedBuckets _devices = new("login device", nodes, clock, MaxKeys);
    private readonly SharedBuckets _registrations = new("registration", nodes, clock, MaxKeys);
    private readonly Dictionary<(string Name, string Address), Failures> _failures = [];
    private readonly Lock _gate = new();

    /// <summary>Call before the hash, and pass the attempt to the method for its outcome afterwards.</summary>
    public async Task<LoginAttempt> Begin(HttpContext context, string usernameKey)
    {
        var address = context.Client().Bucket;
        if (DeviceOf(context, usernameKey) is { } device)
        {
            var own = await _devices.Take(device, DeviceBurst, AddressRefill);
            return new LoginAttempt(usernameKey, address, device, own, TimeSpan.Zero);
        }

        var wait = await PauseLeft(usernameKey, address);
        if (wait == TimeSpan.Zero)
        {
            wait = await _addresses.Take(address, AddressBurst, AddressRefill);
        }

        var underAttack = wait == TimeSpan.Zero
            && await _names.Take(usernameKey, NamePerHour, TimeSpan.FromHours(1) / NamePerHour) > TimeSpan.Zero;
        return new LoginAttempt(usernameKey, address, null, wait, underAttack ? Delay : TimeSpan.Zero);
    }

    /// <returns>The number of failures in a row, for the audit.</returns>
    public async Task<long> Failed(LoginAttempt attempt)
    {
        try
        {
            if (!nodes.IsAlone)
            {
                return await nodes.Count(FailureName, KeyOf(attempt), clock.GetUtcNow());
            }
        }
        catch (StoreException error) when (error.Failure == StoreFailure.Full)
        {
            // Each process counts for itself while the disk is full.
        }

        lock (_gate)
        {
            if (_failures.Count >= MaxKeys)
            {
                Evict();
            }

            var key = (attempt.UsernameKey, attempt.Address);
            var count = (_failures.TryGetValue(key, out var before) ? before.Count : 0) + 1;
            _failures[key] = new Failures(count, clock.GetTimestamp());
            return count;
        }
    }

    /// <summary>The password was right, or it was not checked: the attempt does not count.</summary>
    public async Task Forgive(LoginAttempt attempt)
    {
        if (attempt.Device is { } device)
        {
            await _devices.Return(device);
            return;
        }

        await _addresses.Return(attempt.Address);
        await _names.Return(attempt.UsernameKey);
    }

    /// <summary>The owner of the name signed in: earlier failures from this address are dropped, and the browser gets its cookie.</summary>
    public async Task Succeeded(HttpContext context, LoginAttempt attempt, bool remember)
    {
        await Forgive(attempt);
        lock (_gate)
        {
            _failures.Remove((attempt.UsernameKey, attempt.Address));
        }

        try
        {
            if (!nodes.IsAlone)
            {
                await nodes.DropCount(FailureName, KeyOf(attempt));
            }
        }
        catch (StoreException error) when (error.Failure == StoreFailure.Full)
        {
            // They are forgotten later.
        }

        if (remember && attempt.Device is null)
        {
            var id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
            Cookies.SetDevice(context, $"{id}.{cipher.Sign(SecretPurpose.DeviceCookie, $"{id}|{attempt.UsernameKey}")}");
        }
    }

    /// <summary>Zero when this address may register once more, else the time until it may.</summary>
    public ValueTask<TimeSpan> Register(Client client) =>
        _registrations.Take(client.Bucket, RegistrationsPerHour, TimeSpan.FromHours(1) / RegistrationsPerHour);

    private string? DeviceOf(HttpContext context, string usernameKey) =>
        Cookies.Device(context.Request) is { } cookie && cookie.Split('.') is [{ Length: 32 } id, var signature]
            && cipher.Verify(SecretPurpose.DeviceCookie, $"{id}|{usernameKey}", signature)
            ? id
            : null;

    private static string KeyOf(LoginAttempt attempt) => $"{attempt.UsernameKey} {attempt.Address}";

    private async ValueTask<TimeSpan> PauseLeft(string name, string address)
    {
        if (!nodes.IsAlone && await nodes.Counted(FailureName, $"{name} {address}") is { } counted)
        {
            return AtLeastZero(Pause(counted.Amount) - (clock.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(counted.At)));
        }

        lock (_gate)
        {
            if (!_failures.TryGetValue((name, address), out var failures))
            {
                return TimeSpan.Zero;
            }

            return AtLeastZero(Pause(failures.Count) - clock.GetElapsedTime(failures.LastAt));
        }
    }

    private static TimeSpan AtLeastZero(TimeSpan time) => time > TimeSpan.Zero ? time : TimeSpan.Zero;

    private static TimeSpan Pause(long failures) => failures < NameAtAddressFree
        ? TimeSpan.Zero
        : TimeSpan.FromSeconds(Math.Min(MaxPause.TotalSeconds, Math.Pow(2, Math.Min(failures - NameAtAddressFree + 1, 10))));

    /// <summary>Evict expired entries first, then all. The buckets still limit everybody.</summary>
    private void Evict()
    {
        var expired = _failures.Where(entry => clock.GetElapsedTime(entry.Value.LastAt) > MaxPause).Select(entry => entry.Key).ToList();
        foreach (var key in expired)
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

/// <summary>One attempt to sign in: refused for <see cref="Wait"/>, or allowed after <see cref="Delay"/>.</summary>
internal sealed record LoginAttempt(string UsernameKey, string Address, string? Device, TimeSpan Wait, TimeSpan Delay);

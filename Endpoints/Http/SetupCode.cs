using System.Security.Cryptography;
using System.Text;
using AiChat.Data;

namespace AiChat.Endpoints.Http;

/// <summary>
/// Protects the first registration, which makes the administrator: whoever does not sit at this machine must give the code that
/// stands in the data folder and, once, on the console.
/// </summary>
internal sealed class SetupCode(DataFolder folder, Users users)
{
    private const string FileName = "setup-code";
    private const string Alphabet = "abcdefghijkmnpqrstuvwxyz23456789";

    /// <summary>100 bits: nobody guesses it.</summary>
    private const int Length = 20;

    private volatile string? _code;

    /// <summary>There is no account yet.</summary>
    public bool SetupRequired => _code is not null;

    /// <summary>There is none, and this caller has to give the code to make it.</summary>
    public bool RequiredFrom(Caller caller) => SetupRequired && !caller.Straight;

    public bool Matches(string? given) => _code is { } code && given is not null
        && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given.Trim()), Encoding.UTF8.GetBytes(code));

    /// <summary>What the console shows once at start, while there is no account.</summary>
    public string? Announcement => _code is { } code
        ? $"No account yet. The first one becomes the administrator; from another machine it needs this setup code: {code}"
        : null;

    /// <summary>Makes the code when there is no account.</summary>
    public async Task Open()
    {
        if (await users.AnyAccount())
        {
            Consume();
            return;
        }

        var path = folder.File(FileName);
        var kept = File.Exists(path) ? File.ReadAllText(path).Trim() : "";
        var code = kept.Length == Length ? kept : RandomNumberGenerator.GetString(Alphabet, Length);
        folder.WriteDurably(FileName, Encoding.ASCII.GetBytes(code + "\n"));
        _code = code;
    }

    /// <summary>The first account exists; the code is worth nothing from now on.</summary>
    public void Consume()
    {
        _code = null;
        File.Delete(folder.File(FileName));
    }
}

using System.Security.Cryptography;
using System.Text;
using AiChat.Data;
using AiChat.Data.Accounts;
using AiChat.Data.Catalog;
using AiChat.Data.Sqlite;
using AiChat.Data.Store;
using AiChat.Endpoints.Secrets;
using AiChat.Endpoints.Variables;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Protects the first registration, which creates the administrator. The code is required on this machine too, because a request through a
/// local proxy can look like one from this machine. It is printed once on the console and stays in the data folder until it is used;
/// AICHAT_SETUP_CODE and AICHAT_SETUP_CODE_FILE choose it.
/// </summary>
internal sealed class SetupCode(
    DataFolder folder, InstanceMarker instance, Users users, Redactor redactor, SecretCipher cipher, Db db, ServerOptions options,
    TimeProvider clock) : IHostedService
{
    private const string FileName = "setup-code";

    /// <summary>Where servers on one database find the code of the one that was first; sealed.</summary>
    private const string SharedKey = "internal.setup_code";

    private const string SharedAad = $"settings|value|{SharedKey}|v1";

    private const string Alphabet = "abcdefghijkmnpqrstuvwxyz23456789";

    /// <summary>100 bits.</summary>
    private const int Length = 20;

    private volatile string? _code;

    /// <summary>There is no account yet.</summary>
    public bool SetupRequired => _code is not null;

    public bool Matches(string? given) => _code is { } code && given is not null
        && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given.Trim()), Encoding.UTF8.GetBytes(code));

    /// <summary>The text for the console at start; null when there is an account.</summary>
    /// <param name="address">The address of the page, without a slash at its end.</param>
    public string? Announcement(string address) => _code is { } code
        ? $"""
            No account yet. The first one becomes the administrator; make it here:
              {address}/register#setup={Uri.EscapeDataString(code)}
            Setup code: {code} (also in the file {folder.File(FileName)} until it is used)
            还没有账号。打开上面的地址注册，第一个账号即为管理员。安装码：{code}（使用前也保存在上述文件中）
            """
        : null;

    /// <summary>Finds or creates the code when there is no account.</summary>
    /// <exception cref="StartupException">The configured code is not valid, or there has been an account.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (await users.AnyAccount())
        {
            Consume();
            return;
        }

        if (instance.InUse && options.Initialize)
        {
            folder.MarkInUse(instance, isInUse: false);
        }
        else if (instance.InUse)
        {
            throw EmptiedCheck.Refusal(folder.DatabasePath);
        }

        var code = options.SetupCode() ?? await Shared(Stored() ?? RandomNumberGenerator.GetString(Alphabet, Length));
        redactor.Add(code);
        folder.WriteDurably(FileName, Encoding.ASCII.GetBytes(code + "\n"));
        _code = code;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Another process may have made the first account.</summary>
    public async Task Review()
    {
        if (SetupRequired && await users.AnyAccount())
        {
            Consume();
        }
    }

    /// <summary>The first account exists; from now on no code matches.</summary>
    public void Consume()
    {
        _code = null;
        folder.MarkInUse(instance, isInUse: true);
        File.Delete(folder.File(FileName));
    }

    /// <summary>The code of the server that was first; where there is only one, its own.</summary>
    private async Task<string> Shared(string own)
    {
        if (options.DatabaseServer is null)
        {
            return own;
        }

        var kept = await SettingStore.Keep(
            db, SharedKey, cipher.Seal(SecretPurpose.ProviderSecrets, SharedAad, own), clock.GetUtcNow());
        return cipher.Open(SecretPurpose.ProviderSecrets, SharedAad, kept) ?? own;
    }

    /// <summary>The code of an earlier start, so that a note of it stays valid.</summary>
    private string? Stored()
    {
        var path = folder.File(FileName);
        try
        {
            return File.Exists(path) && File.ReadAllText(path).Trim() is var stored && IsCode(stored) ? stored : null;
        }
        catch (UnauthorizedAccessException error)
        {
            throw new StartupException(StartupException.Configuration, $"{error.Message} {FolderRights.Advice(path)}");
        }
    }

    private static bool IsCode(string code) => SecretRules.BrokenCode(code) is null;
}

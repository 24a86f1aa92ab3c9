using System.Data.Common;
using System.Security.Cryptography;
using AiChat.Data.Catalog;
using AiChat.Data.Store;
using AiChat.Endpoints.Catalog;
using AiChat.Tests.Data;
using Microsoft.Extensions.DependencyInjection;

namespace AiChat.Tests.Torture;

/// <summary>How a folder was found after what was done to it; each list is empty when all is well.</summary>
internal sealed record Survival
{
    /// <summary>What somebody had been told is stored, and is not.</summary>
    public List<string> Lost { get; } = [];

    /// <summary>What does not fit together in the database.</summary>
    public List<string> Corrupt { get; } = [];

    /// <summary>The server began anew where there was an account.</summary>
    public bool IsEmptied { get; private set; }

    /// <summary>Why the server did not start; null when it did.</summary>
    public string? Refused { get; private init; }

    /// <summary>The exit code that goes with it.</summary>
    public int? ExitCode { get; private init; }

    public bool IsWell => Lost.Count == 0 && Corrupt.Count == 0 && !IsEmptied && Refused is null;

    public override string ToString() =>
        $"refused: {Refused}; emptied: {IsEmptied}; lost: {string.Join(", ", Lost.Take(5))}; corrupt: {string.Join(", ", Corrupt.Take(5))}";

    /// <summary>Starts the server on the folder with its own code, in this process, and looks for what was promised.</summary>
    /// <param name="more">Variables of the server.</param>
    public static async Task<Survival> Look(
        string folder, IReadOnlyList<Promise> promises, params IEnumerable<(string Name, string Value)> more)
    {
        var found = new Survival();
        var variables = new Dictionary<string, string>
        {
            ["PORT"] = "0",
            ["HOST"] = "127.0.0.1",
            ["DATA_DIR"] = folder,
            ["LOG_LEVEL"] = "none",
            ["AICHAT_SETUP_CODE"] = TestServer.SetupCode,
        };
        foreach (var (name, value) in more)
        {
            variables[name] = value;
        }

        try
        {
            await using var host = await InProcessHost.StartAsync(variables, new TestServerOptions());
            await host.Services.GetRequiredService<Db>().Read(connection =>
            {
                found.Check(connection);
                foreach (var promise in promises)
                {
                    found.Find(connection, promise, folder);
                }

                return true;
            });
            foreach (var secret in promises.Where(promise => promise.Kind == Promise.Secret))
            {
                var row = (await host.Services.GetRequiredService<Connections>().List()).SingleOrDefault(row => row.Id == secret.Id);
                if (row is null || host.Services.GetRequiredService<ConnectionSecrets>().Keys(row)?.Contains(secret.Text) != true)
                {
                    found.Lost.Add($"the key of connection {secret.Id}");
                }
            }
        }
        catch (ServerStartException error)
        {
            return new Survival { Refused = error.Message, ExitCode = error.ExitCode };
        }

        return found;
    }

    /// <summary>Only starts and stops the native executable on the folder.</summary>
    public static async Task<Survival> StartNative(string folder)
    {
        try
        {
            await using var server = await TestServer.StartAsync(new TestServerOptions { DataDir = folder });
            await server.StopAsync();
            return new Survival();
        }
        catch (ServerStartException error)
        {
            return new Survival { Refused = error.Message };
        }
    }

    private void Check(DbConnection connection)
    {
        Corrupt.AddRange(OldRows.List(connection, "pragma integrity_check").Where(row => row != "ok"));
        Corrupt.AddRange(OldRows.List(connection, "select \"table\" || ' refers to no row of ' || parent from pragma_foreign_key_check"));
        Corrupt.AddRange(
            OldRows.List(connection, "select 'answer ' || id || ' is still streaming' from messages where status = 'streaming'"));
    }

    private void Find(DbConnection connection, Promise promise, string folder)
    {
        IsEmptied |= promise.Kind == Promise.User && OldRows.List(connection, "select '1' from users limit 1").Count == 0;
        if (!Holds(connection, promise, folder))
        {
            Lost.Add($"{promise.Kind} {promise.Id} {promise.Text[..Math.Min(promise.Text.Length, 40)]}");
        }
    }

    private static bool Holds(DbConnection connection, Promise promise, string folder)
    {
        var (id, text) = (promise.Id, promise.Text);
        string? One(string sql) => OldRows.List(connection, sql).SingleOrDefault();
        return promise.Kind switch
        {
            Promise.User => One($"select username from users where username = '{text}'") == text,
            Promise.Chat => One($"select title from sessions where id = {id}") == text,
            Promise.Gone => One($"select title from sessions where id = {id} and user_id is not null") is null, // its rows go later
            Promise.Question => One($"select q.content from messages a join messages q on q.id = a.parent_id where a.id = {id}") == text,
            Promise.Answer => One($"select content from messages where id = {id} and status = 'done'") == text,
            Promise.Note => One($"select content from prompts where id = {id}") == text,
            Promise.Image => One($"select file from images where id = '{text}'") is { } file
                && Path.Combine(folder, "images", file) is var path && File.Exists(path) && Hash(path) == promise.More,
            Promise.Secret => true, // by the keys, not by the rows
            _ => throw new InvalidOperationException(promise.Kind),
        };
    }

    private static string Hash(string file) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)));
}

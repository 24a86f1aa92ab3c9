using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using AiChat.Data;
using AiChat.Data.Runs;
using AiChat.Data.Sqlite;

namespace AiChat.Commands;

/// <summary>Takes the database back to an older program. Run by the newer file, which knows both schemas, on a stopped server.</summary>
internal static class RollbackCommand
{
    private static readonly Option<int?> To = new("--to")
    {
        Description = "The schema of the older program; without it the one before the newest upgrade.",
        HelpName = "N",
    };

    private static readonly Option<bool> Exact = new("--exact")
    {
        Description = "Put back the copy from before the upgrade, without what was written since.",
    };

    private static readonly Option<bool> Yes = new("--yes") { Description = "Do not ask before chats are left behind." };

    public static Command Create()
    {
        var command = new Command("rollback", "Take the database back to the older version, so that the older file starts on it.")
        {
            To, Exact, Yes, Options.Json,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        var options = Options.Load(Options.ValuesOfInstallation(parsed));
        if (options.DatabaseServer is not null)
        {
            throw new StartupException(
                StartupException.Configuration, "The database is on a PostgreSQL server: restore the backup that was made there before.");
        }

        var data = Path.GetFullPath(options.DataDir);
        if (!File.Exists(Path.Combine(data, DataFolder.MarkerName)))
        {
            throw new StartupException(
                ExitCodes.NoInput, $"There is no AiChat in {data}. Set DATA_DIR to the folder that the server uses.");
        }

        FolderOwner.Become(data);
        using var folder = DataFolder.TryOpen(data, options.DatabasePath) ?? throw DataFolder.InUse(data, "Stop the server first.");
        folder.OpenInstance(TimeProvider.System, initialize: false);
        using var stop = new StopSignals();
        var progress = new StartProgress(stop.Token) { Say = Terminal.Complain };
        using var lines = new ProgressLines(progress, "Going back", Terminal.Complain);
        try
        {
            return Run(parsed, folder.DatabasePath, progress);
        }
        catch (OperationCanceledException)
        {
            Terminal.Complain("Stopped. The database is as it was.");
            return ExitCodes.Refused;
        }
    }

    /// <summary>Puts the text of answers that a kill interrupted into the database, where the older program looks for it.</summary>
    private static void KeepLiveText(string database, StartProgress progress) => Migrator.Use(database, progress, connection =>
    {
        using var transaction = connection.BeginTransaction();
        LiveText.Put(connection, database);
        transaction.Commit();
        return true;
    });

    private static int Run(ParseResult parsed, string database, StartProgress progress)
    {
        var migrations = Migrator.Load();
        var plan = SchemaRollback.Plan(database, parsed.GetValue(To), parsed.GetValue(Exact), migrations, progress);
        if (plan.From == plan.To && plan.Copy is null)
        {
            return Show(parsed, plan, null, $"The database {database} has schema {plan.To} already. Start the older program.");
        }

        var lost = string.Join(", ", plan.Lost);
        if (plan.Lost.Count > 0 && plan.Copy is null)
        {
            Terminal.Complain(
                $"Schema {plan.To} has no place for: {lost}. Only the copy that is kept will have it; everything else stays.");
        }
        else if (plan.Lost.Count > 0)
        {
            Terminal.Complain($"{plan.Copy} has not: {lost}. Only the copy that is kept of the database as it is now will have it.");
            if (!parsed.GetValue(Yes)
                && (!Terminal.IsInteractive || !Terminal.Confirm($"Go back from schema {plan.From} to {plan.To}?")))
            {
                throw new CommandException("confirmation_required", "Nothing was changed. To go back all the same: aichat rollback --yes");
            }
        }

        KeepLiveText(database, progress);
        var aside = SchemaRollback.Run(database, plan, migrations, progress);
        var kept = plan.Copy is null ? "with everything that it can hold" : string.Create(
            CultureInfo.InvariantCulture, $"as it was before the upgrade, from {plan.Copy}");
        return Show(
            parsed, plan, aside,
            $"The database has schema {plan.To} again, {kept}. As it was just now, it is in {aside}.",
            "Start the older program now. The newer one would upgrade the database again.");
    }

    private static int Show(ParseResult parsed, RollbackPlan plan, string? aside, params IEnumerable<string> lines)
    {
        if (parsed.GetValue(Options.Json))
        {
            Terminal.Say(Terminal.Json(new JsonObject
            {
                ["from"] = plan.From,
                ["to"] = plan.To,
                ["copy"] = plan.Copy,
                ["aside"] = aside,
                ["lost"] = new JsonArray([.. plan.Lost.Select(lost => JsonValue.Create(lost))]),
            }));
            return ExitCodes.Done;
        }

        foreach (var line in lines)
        {
            Terminal.Say(line);
        }

        return ExitCodes.Done;
    }
}
